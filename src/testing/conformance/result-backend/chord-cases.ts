import assert from "node:assert/strict";
import type { ChordJoin } from "../../../backend/chords.ts";
import { EncodedJson } from "../../../message/json.ts";
import type { Case } from "../cases.ts";
import { begin, member, succeed, tasksOf } from "./chord-steps.ts";
import { FAILURE, SHORT_MS, type ResultStage } from "./stage.ts";

const WAITING: ChordJoin = { kind: "waiting" };
const UNWATCHED: ChordJoin = { kind: "unwatched" };
const CLAIMED: ChordJoin = { kind: "claimed" };
const OVER: ChordJoin = { kind: "over" };

/** Who has come of a chord. */
export const chordCases: readonly Case<ResultStage>[] = [
  {
    name: "the last member that joins a chord gets all parts, in the header's order",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await begin(one.chords, 3);
      assert.deepEqual(await succeed(other.chords, member("last", 2), "third"), WAITING);
      assert.deepEqual(await one.chords.join(member("middle", 1), { state: "FAILURE", result: FAILURE }), WAITING);
      assert.deepEqual(await succeed(other.chords, member("first", 0), { a: [1] }), {
        kind: "complete",
        parts: [
          { taskId: "first", state: "SUCCESS", result: { a: [1] } },
          { taskId: "middle", state: "FAILURE", result: FAILURE },
          { taskId: "last", state: "SUCCESS", result: "third" },
        ],
      });
    },
  },
  {
    name: "members may join a chord before its size is known",
    async run(stage) {
      const { chords } = await stage.open();
      assert.deepEqual(await succeed(chords, member("a", 0)), UNWATCHED);
      assert.deepEqual(await succeed(chords, member("b", 1)), UNWATCHED);
      await begin(chords, 3);
      assert.deepEqual(await tasksOf(succeed(chords, member("c", 2))), ["a", "b", "c"]);
    },
  },
  {
    name: "a member of a chord counts once, and its first outcome stands",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 2);
      await succeed(chords, member("a", 0), "first");
      assert.deepEqual(await succeed(chords, member("a", 0), "second"), WAITING);
      assert.deepEqual(await chords.join(member("a", 0), { state: "FAILURE", result: FAILURE }), WAITING);
      const join = await succeed(chords, member("b", 1));
      assert.deepEqual(join.kind === "complete" && join.parts[0], { taskId: "a", state: "SUCCESS", result: "first" });
    },
  },
  {
    name: "a task that stands twice in a chord's header counts twice",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 2);
      await succeed(chords, member("same", 0), "one");
      assert.deepEqual(await tasksOf(succeed(chords, member("same", 1), "other")), ["same", "same"]);
    },
  },
  {
    name: "members of a chord without a place come after those that have one",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 4);
      await succeed(chords, member("z", null));
      await succeed(chords, member("y", null));
      assert.deepEqual(await succeed(chords, member("y", null)), WAITING);
      await succeed(chords, member("second", 10));
      assert.deepEqual(await tasksOf(succeed(chords, member("first", 9))), ["first", "second", "y", "z"]);
    },
  },
  {
    name: "a chord's last member that joins again gets the parts again, others learn that it is about to go on",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 2);
      await succeed(chords, member("a", 0));
      await succeed(chords, member("b", 1));
      assert.deepEqual(await succeed(chords, member("a", 0)), CLAIMED);
      assert.deepEqual(await tasksOf(succeed(chords, member("b", 1))), ["a", "b"]);
    },
  },
  {
    name: "a chord that was ended is over for all who join again",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 2);
      await succeed(chords, member("a", 0));
      await succeed(chords, member("b", 1));
      await chords.end(member("a", 0), "sent");
      assert.deepEqual(await tasksOf(succeed(chords, member("b", 1))), ["a", "b"], "ended by whom it is not");
      await chords.end(member("b", 1), "sent");
      await chords.end(member("b", 1), "sent");
      for (const late of [member("a", 0), member("b", 1), member("new", 2)])
        assert.deepEqual(await succeed((await stage.open()).chords, late), OVER);
    },
  },
  {
    name: "a chord that is over begins anew with another size",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 1);
      await succeed(chords, member("a", 0), "before");
      await chords.end(member("a", 0), "sent");
      await begin(chords, 2);
      assert.deepEqual(await succeed(chords, member("b", 1)), WAITING);
      assert.deepEqual(await succeed(chords, member("a", 0), "after"), {
        kind: "complete",
        parts: [
          { taskId: "a", state: "SUCCESS", result: "after" },
          { taskId: "b", state: "SUCCESS", result: null },
        ],
      });
    },
  },
  {
    name: "of all members that join a chord at once, one gets the parts",
    async run(stage) {
      const backends = [await stage.open(), await stage.open(), await stage.open()];
      const members = Array.from({ length: 60 }, (_, index) => member(`m${index}`, index));
      await begin(backends[0]?.chords, members.length);
      const joins = await Promise.all(
        members.flatMap((each) => backends.map(({ chords }) => succeed(chords, each, each.index))),
      );
      const complete = joins.filter((join) => join.kind === "complete");
      // The last joins thrice: the chord is its own each time.
      assert.ok(complete.length >= 1 && complete.length <= 3, `${complete.length} got the parts`);
      for (const { parts } of complete)
        assert.deepEqual(
          parts.map(({ result }) => result),
          members.map(({ index }) => index),
        );
    },
  },
  {
    name: "chords do not know each other's members",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 2);
      await chords.begin([{ chordId: "other", size: 1, deadline: null }]);
      await succeed(chords, member("a", 0));
      assert.deepEqual(await tasksOf(succeed(chords, { ...member("b", 1), chordId: "other" })), ["b"]);
      assert.deepEqual(await tasksOf(succeed(chords, member("b", 1))), ["a", "b"]);
    },
  },
  {
    name: "odd ids and values come through a chord as they were",
    async run(stage) {
      const { chords } = await stage.open();
      const taskId = 'it\'s "quoted" \\ 🥕 %[.*';
      await chords.begin([{ chordId: "'; DROP TABLE chords; --", size: 1, deadline: null }]);
      const result = new EncodedJson('{ "big": 12345678901234567890, "nan": NaN }');
      const odd = { chordId: "'; DROP TABLE chords; --", taskId, index: 0 };
      assert.deepEqual(await succeed(chords, odd, result), {
        kind: "complete",
        parts: [{ taskId, state: "SUCCESS", result: { big: 12_345_678_901_234_567_890n, nan: NaN } }],
      });
    },
  },
  {
    name: "a chord waits for its members for longer than results are kept",
    async run(stage) {
      const backend = await stage.open(SHORT_MS);
      await begin(backend.chords, 2);
      await succeed(backend.chords, member("a", 0));
      const group = { id: "marker", parent: null, members: [] };
      await backend.groups.save(group);
      await stage.eventually(async () => assert.equal(await backend.groups.restore("marker"), undefined));
      assert.deepEqual(await tasksOf(succeed(backend.chords, member("b", 1))), ["a", "b"]);
    },
  },
  {
    name: "a chord that grows waits for all that were added, each once",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await one.chords.grow("c", ["early"]);
      await begin(one.chords, 1);
      await Promise.all([one.chords.grow("c", ["x", "y"]), other.chords.grow("c", ["y", "x"])]);
      await other.chords.grow("c", ["x"]);
      await other.chords.grow("c", []);
      assert.deepEqual(await succeed(one.chords, member("a", 0)), WAITING);
      assert.deepEqual(await succeed(one.chords, member("x", null)), WAITING);
      assert.deepEqual(await succeed(one.chords, member("x", null)), WAITING);
      assert.deepEqual(await succeed(one.chords, member("early", null)), WAITING);
      assert.deepEqual(await tasksOf(succeed(other.chords, member("y", null))), ["a", "early", "x", "y"]);
    },
  },
  {
    name: "a chord that is over does not grow, and begins anew without what was added",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 1);
      await chords.grow("c", ["x"]);
      await succeed(chords, member("x", null));
      await succeed(chords, member("a", 0));
      await chords.end(member("a", 0), "sent");
      await chords.grow("c", ["y"]);
      assert.deepEqual(await succeed(chords, member("y", null)), OVER);
      await begin(chords, 1);
      assert.deepEqual(await tasksOf(succeed(chords, member("a", 0))), ["a"]);
    },
  },
];

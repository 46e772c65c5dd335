import assert from "node:assert/strict";
import type { ChordCounters, ChordDeadline, OverdueChord } from "../../../backend/chords.ts";
import type { Case } from "../cases.ts";
import { begin, CHORD, member, succeed, tasksOf } from "./chord-steps.ts";
import type { ResultStage } from "./stage.ts";

const BODY = { task: "body", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false };

/** Passed as soon as anybody looks. */
const AT_ONCE: ChordDeadline = { ms: 0, body: BODY, rootId: null };
/** Not in any test's time. */
const FAR: ChordDeadline = { ms: 3_600_000, body: BODY, rootId: null };

/** Chords whose members do not come. */
export const overdueCases: readonly Case<ResultStage>[] = [
  {
    name: "a chord is overdue when nobody has come for as long as its deadline says, and tells who came and what fails",
    async run(stage) {
      const { chords } = await stage.open();
      const body = {
        ...BODY,
        kwargs: { "it's": ['"odd"', "🥕", 12_345_678_901_234_567_890n] },
        options: { task_id: "b" },
      };
      const deadline = { ms: 200, body, rootId: "root" };
      await begin(chords, 3, deadline);
      await succeed(chords, member("b", 1));
      await succeed(chords, member("a", 0));
      const [chord] = await eventuallyOverdue(stage, chords);
      assert.ok(chord !== undefined);
      assert.deepEqual(chord, { claim: chord.claim, size: 3, came: 2, names: ["a", "b"], deadline });
      assert.equal(chord.claim.chordId, CHORD);
    },
  },
  {
    name: "a chord that nobody came to is overdue too, and one that has grown counts what was added",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 3, AT_ONCE);
      await chords.grow(CHORD, ["more"]);
      const [chord] = await eventuallyOverdue(stage, chords);
      assert.deepEqual([chord?.size, chord?.came, chord?.names], [4, 0, []]);
    },
  },
  {
    name: "of many that came to an overdue chord only the number is told",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 10, AT_ONCE);
      await Promise.all([0, 1, 2, 3, 4, 5].map((index) => succeed(chords, member(`m${index}`, index))));
      const [chord] = await eventuallyOverdue(stage, chords);
      assert.deepEqual([chord?.came, chord?.names], [6, []]);
    },
  },
  {
    name: "a chord that was sent without a deadline gets one once, and its sender's when that is there",
    async run(stage) {
      const { chords } = await stage.open();
      assert.deepEqual(await succeed(chords, member("a", 0)), { kind: "unwatched" });
      await chords.watch(CHORD, { ...AT_ONCE, rootId: "first" });
      await chords.watch(CHORD, { ...AT_ONCE, rootId: "second" });
      assert.deepEqual(await succeed(chords, member("b", 1)), { kind: "waiting" });
      await begin(chords, 3, { ...AT_ONCE, rootId: "sender" });
      await chords.watch(CHORD, { ...AT_ONCE, rootId: "third" });
      const [chord] = await eventuallyOverdue(stage, chords);
      assert.deepEqual([chord?.size, chord?.came, chord?.deadline.rootId], [3, 2, "sender"]);
    },
  },
  {
    name: "a chord whose size nobody tells is not overdue: it may be over for long",
    async run(stage) {
      const { chords } = await stage.open();
      await succeed(chords, member("a", 0));
      await chords.watch(CHORD, AT_ONCE);
      await chords.begin([{ chordId: "overdue", size: 1, deadline: AT_ONCE }]);
      const overdue = await eventuallyOverdue(stage, chords);
      assert.deepEqual(
        overdue.map(({ claim }) => claim.chordId),
        ["overdue"],
      );
    },
  },
  {
    name: "a chord is not overdue before its deadline, nor without one, nor when it is over",
    async run(stage) {
      const { chords } = await stage.open();
      await chords.begin([
        { chordId: "far", size: 1, deadline: FAR },
        { chordId: "none", size: 1, deadline: null },
        { chordId: CHORD, size: 1, deadline: AT_ONCE },
        { chordId: "overdue", size: 1, deadline: AT_ONCE },
      ]);
      await chords.watch("none", AT_ONCE);
      await succeed(chords, member("a", 0));
      await chords.end(member("a", 0), "failed");
      await chords.watch(CHORD, AT_ONCE);
      const overdue = await eventuallyOverdue(stage, chords);
      assert.deepEqual(
        overdue.map(({ claim }) => claim.chordId),
        ["overdue"],
      );
    },
  },
  {
    name: "a chord that all have come to is not overdue while somebody is about to send the body",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 1, AT_ONCE);
      await succeed(chords, member("a", 0));
      assert.deepEqual(await chords.takeOverdue({ limit: 10 }), []);
      assert.deepEqual(await tasksOf(succeed(chords, member("a", 0))), ["a"]);
    },
  },
  {
    name: "an overdue chord is one caller's, and no member's, until it is over",
    async run(stage) {
      const [one, other] = [await stage.open(), await stage.open()];
      await begin(one.chords, 2, AT_ONCE);
      await succeed(one.chords, member("a", 0));
      const [chord] = await eventuallyOverdue(stage, one.chords);
      assert.deepEqual(await other.chords.takeOverdue({ limit: 10 }), []);
      assert.equal(await tasksOf(succeed(other.chords, member("b", 1))), "claimed");
      await one.chords.end(member("a", 0), "failed");
      assert.equal(await tasksOf(succeed(other.chords, member("b", 1))), "claimed", "ended by whom it is not");
      await one.chords.end(chord?.claim ?? member("none", null), "failed");
      assert.equal(await tasksOf(succeed(other.chords, member("b", 1))), "over");
      assert.deepEqual(await other.chords.takeOverdue({ limit: 10 }), []);
    },
  },
  {
    name: "of all who look for overdue chords at once, each chord is one's",
    async run(stage) {
      const backends = [await stage.open(), await stage.open(), await stage.open()];
      const ids = Array.from({ length: 25 }, (_, index) => `c${index}`);
      await backends[0]?.chords.begin(ids.map((chordId) => ({ chordId, size: 1, deadline: AT_ONCE })));
      const taken: OverdueChord[] = [];
      await stage.eventually(async () => {
        const looks = await Promise.all(backends.map(({ chords }) => chords.takeOverdue({ limit: 4 })));
        for (const chords of looks) assert.ok(chords.length <= 4, `${chords.length} at once`);
        taken.push(...looks.flat());
        assert.ok(taken.length >= ids.length, "there are more");
      });
      assert.deepEqual(taken.map(({ claim }) => claim.chordId).sort(), ids.toSorted());
    },
  },
  {
    name: "a chord that begins anew has its new deadline",
    async run(stage) {
      const { chords } = await stage.open();
      await begin(chords, 1, AT_ONCE);
      const [chord] = await eventuallyOverdue(stage, chords);
      await chords.end(chord?.claim ?? member("none", null), "failed");
      await begin(chords, 2, FAR);
      assert.deepEqual(await chords.takeOverdue({ limit: 10 }), []);
      await begin(chords, 2, { ...AT_ONCE, rootId: "anew" });
      const [anew] = await eventuallyOverdue(stage, chords);
      assert.deepEqual([anew?.size, anew?.came, anew?.deadline.rootId], [2, 0, "anew"]);
    },
  },
];

/** Where another clock than ours counts, its next millisecond may be waited for. */
async function eventuallyOverdue(stage: ResultStage, chords: ChordCounters): Promise<readonly OverdueChord[]> {
  let overdue: readonly OverdueChord[] = [];
  await stage.eventually(async () => {
    overdue = await chords.takeOverdue({ limit: 10 });
    assert.notEqual(overdue.length, 0, "nothing is overdue");
  });
  return overdue;
}

import assert from "node:assert/strict";
import { Decimal, PlainDate } from "../../../message/python-values.ts";
import type { Case } from "../cases.ts";
import { listener, type PoolStage } from "./stage.ts";

const ODD_VALUES: readonly unknown[] = [
  null,
  "zwölf 🥕 \u2028 \u0000",
  NaN,
  -Infinity,
  2n ** 80n,
  new Date("2026-11-22T15:30:23.660Z"),
  new Uint8Array([0, 1, 254, 255]),
  new Decimal("1.500"),
  { list: [new Decimal("0.10"), { day: new PlainDate("2026-11-22") }], "": 1 },
];

/** How a run ends, and what it says on the way. */
export const outcomeCases: readonly Case<PoolStage>[] = [
  {
    name: "values go in and come back as they are, however odd",
    async run(stage) {
      const pool = await stage.open();
      for (const value of ODD_VALUES) {
        assert.deepEqual(await stage.valueOf(pool, { task: "echo", args: [value] }), value);
      }
    },
  },
  {
    name: "a value of five megabytes comes back whole",
    async run(stage) {
      const large = "0123456789".repeat(500_000);
      assert.equal(await stage.valueOf(await stage.open(), { task: "echo", args: [large] }), large);
    },
  },
  {
    name: "a task that throws fails with what it threw and where",
    async run(stage) {
      const outcome = await stage.run(await stage.open(), { task: "fail", args: ["no such luck"] });
      assert.ok(outcome.kind === "threw");
      assert.equal(outcome.failure.exc_type, "RangeError");
      assert.deepEqual(outcome.failure.exc_message, ["no such luck"]);
      assert.match(outcome.failure.traceback ?? "", /tasks\.[jt]s/);
    },
  },
  {
    name: "a value that has no JSON form fails the task, and no other",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const outcome = await stage.run(pool, { task: "unsendable" });
      assert.equal(outcome.kind === "threw" && outcome.failure.exc_type, "EncodeError");
      assert.equal(await stage.valueOf(pool, { task: "ping" }), "pong");
    },
  },
  {
    name: "a task that is not there fails",
    async run(stage) {
      const outcome = await stage.run(await stage.open(), { task: "unheardOf" });
      assert.equal(outcome.kind, "threw");
    },
  },
  {
    name: "a task may ask for a retry, with other arguments",
    async run(stage) {
      const pool = await stage.open();
      const args = [new Decimal("2.50"), 2n ** 70n];
      const options = {
        delayMs: 1_500,
        args,
        kwargs: { day: new PlainDate("2026-11-22") },
        queue: "slow",
        priority: 3,
      };
      const outcome = await stage.run(pool, { task: "retry", args: [options] });
      assert.ok(outcome.kind === "retry");
      const { delayMs, ...changes } = options;
      assert.equal(outcome.delayMs, delayMs);
      assert.deepEqual(outcome.changes, changes);
      assert.deepEqual(outcome.failure.exc_message, ["not yet"]);
    },
  },
  {
    name: "a task may ask to be ignored, or reject its message",
    async run(stage) {
      const pool = await stage.open();
      assert.deepEqual(await stage.run(pool, { task: "ignore" }), { kind: "ignored" });
      for (const requeue of [true, false]) {
        assert.deepEqual(await stage.run(pool, { task: "reject", args: [requeue] }), {
          kind: "rejected",
          requeue,
          reason: { code: "rejected", detail: "not for me" },
        });
      }
    },
  },
  {
    name: "progress is told in order and before the end",
    async run(stage) {
      const { values, onProgress } = listener();
      const reported = [1, { done: new Decimal("0.5") }, "three"];
      const value = await stage.valueOf(await stage.open(), { task: "progress", args: reported }, { onProgress });
      assert.equal(value, 3);
      assert.deepEqual(values, reported);
    },
  },
  {
    name: "tasks that a task sent are its children",
    async run(stage) {
      const outcome = await stage.run(await stage.open(), { task: "send" });
      assert.ok(outcome.kind === "returned");
      const [child, ...more] = outcome.children;
      assert.equal(`"${String(child?.id)}"`, outcome.value.text);
      assert.equal(more.length, 0);
    },
  },
  {
    name: "a task knows its call and its delivery",
    async run(stage) {
      const call = { task: "tellMe", headers: { tenant: "acme" } };
      const told = (await stage.valueOf(await stage.open(), call)) as Readonly<Record<string, unknown>>;
      assert.deepEqual(
        { ...told, id: "", fence: "" },
        { id: "", task: "tellMe", queue: "suite", deliveries: 2, fence: "", headers: { tenant: "acme" } },
      );
      assert.equal(typeof told["fence"], "number");
    },
  },
  {
    name: "what a task logs goes to the pool's log, fields and all",
    async run(stage) {
      await stage.run(await stage.open(), { task: "log", args: ["here I am"] });
      await stage.eventually(() => {
        const line = stage.logged.find(({ message }) => message === "here I am");
        assert.ok(line !== undefined);
        assert.equal(line.level, "info");
        assert.equal(line.fields["task"], "log");
        assert.equal(line.fields["number"], 1);
        assert.deepEqual(line.fields["nested"], { list: [1, 2] });
      });
    },
  },
];

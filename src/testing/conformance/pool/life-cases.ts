import { Ending } from "../../../util/ending.ts";
import assert from "node:assert/strict";
import { PoolStartError } from "../../../pool/errors.ts";
import type { Pool } from "../../../pool/pool.ts";
import type { Case } from "../cases.ts";
import { start, type PoolStage } from "./stage.ts";

const SOON_MS = 150;

/** The pool itself: how many run, what is replaced, how it ends. */
export const lifeCases: readonly Case<PoolStage>[] = [
  {
    name: "no more run at once than the pool has slots, the others wait in line",
    async run(stage) {
      const pool = await stage.open({ size: 2 });
      const [first, ...others] = [1, 2, 3, 4, 5].map((number) => blocker(stage, pool, number));
      await stage.eventually(() => assert.equal(others[0]?.hasBegun(), true));
      assert.equal(pool.busy, 2);
      assert.equal(others[1]?.hasBegun(), false);
      await first?.stop();
      await stage.eventually(() => assert.equal(others[1]?.hasBegun(), true));
      for (const other of others) await other.stop();
      assert.equal(pool.busy, 0);
    },
  },
  {
    name: "a pool that grows runs what waits, one that shrinks lets what runs finish",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const blockers = [1, 2, 3].map((number) => blocker(stage, pool, number));
      await stage.eventually(() => assert.equal(blockers[0]?.hasBegun(), true));
      pool.resize(3);
      assert.equal(pool.size, 3);
      for (const { hasBegun } of blockers) await stage.eventually(() => assert.equal(hasBegun(), true));

      pool.resize(1);
      assert.equal(pool.busy, 3);
      const last = blocker(stage, pool, 4);
      await blockers[0]?.stop();
      await blockers[1]?.stop();
      await stage.clock.sleep(SOON_MS);
      assert.equal(last.hasBegun(), false);
      await blockers[2]?.stop();
      await stage.eventually(() => assert.equal(last.hasBegun(), true));
      await last.stop();
    },
  },
  {
    name: "what waits for a slot can be given up",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const running = blocker(stage, pool, 1);
      const given = new Ending();
      const waiting = stage.run(pool, { task: "ping" }, { ending: given });
      given.end();
      assert.deepEqual(await waiting, { kind: "aborted" });
      await running.stop();
      assert.equal(await stage.valueOf(pool, { task: "ping" }), "pong");
    },
  },
  {
    name: "jobs of one slot run one after the other in one place",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const places = await Promise.all([1, 2, 3].map(() => stage.valueOf(pool, { task: "place" })));
      assert.equal(new Set(places).size, 1);
    },
  },
  {
    name: "jobs that run at once run in places of their own",
    async run(stage) {
      const pool = await stage.open({ size: 2 });
      const places = await Promise.all([1, 2].map(() => stage.valueOf(pool, { task: "place" })));
      assert.equal(new Set(places).size, 2);
    },
  },
  {
    name: "a place is replaced after so many tasks",
    async run(stage) {
      const pool = await stage.open({ size: 1, maxTasksPerChild: 3 });
      const places: unknown[] = [];
      for (let count = 0; count < 7; count++) places.push(await stage.valueOf(pool, { task: "place" }));
      assert.deepEqual([places.lastIndexOf(places[0]), places.lastIndexOf(places[3]), places.length], [2, 5, 7]);
      assert.equal(new Set(places).size, 3);
    },
  },
  {
    name: "a place is replaced once it has so much memory after a task",
    async run(stage) {
      const pool = await stage.open({ size: 1, maxMemoryPerChildBytes: 300 * 1024 * 1024 });
      const first = await stage.valueOf(pool, { task: "place" });
      assert.equal(await stage.valueOf(pool, { task: "place" }), first);
      assert.equal(await stage.valueOf(pool, { task: "grow", args: [300] }), first);
      assert.notEqual(await stage.valueOf(pool, { task: "place" }), first);
    },
  },
  {
    name: "a pool that is restarted runs what comes next in fresh places, and lets what runs finish",
    async run(stage) {
      const pool = await stage.open({ size: 2 });
      await stage.warm(pool);
      const old = await stage.valueOf(pool, { task: "place" });
      const running = blocker(stage, pool, 1);
      await stage.eventually(() => assert.equal(running.hasBegun(), true));
      assert.ok(pool.restart !== undefined);
      await stage.inTime(pool.restart(), "the pool is restarted");
      assert.notEqual(await stage.valueOf(pool, { task: "place" }), old);
      assert.equal(pool.busy, 1);
      await running.stop();
      await stage.warm(pool);
    },
  },
  {
    name: "a pool whose only place is its owner's says once that it is worn out",
    async run(stage) {
      let wornOut = 0;
      const pool = await stage.open({ size: 2, maxTasksPerChild: 3, onWornOut: () => (wornOut += 1) });
      for (let count = 0; count < 2; count++) await stage.valueOf(pool, { task: "ping" });
      assert.equal(wornOut, 0);
      for (let count = 0; count < 5; count++) await stage.valueOf(pool, { task: "ping" });
      assert.equal(wornOut, 1);
    },
  },
  {
    name: "a pool whose app cannot be loaded does not start, and says why",
    async run(stage) {
      const nowhere = new URL("./no-such-app.ts", import.meta.url).href;
      const pool = stage.create({ appModule: nowhere });
      const failure: unknown = await pool.start().then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.ok(failure instanceof PoolStartError);
      assert.match(failure.message, /no-such-app/);
    },
  },
  {
    name: "a job whose place cannot be made is lost, and says why",
    async run(stage) {
      const nowhere = new URL("./no-such-app.ts", import.meta.url).href;
      const outcome = await stage.run(stage.create({ appModule: nowhere }), { task: "ping" });
      assert.ok(outcome.kind === "lost");
      assert.equal(outcome.reason.code, "not-started");
      assert.match(outcome.reason.detail, /no-such-app/);
    },
  },
  {
    name: "disposing gives up what runs and what waits, once and for all",
    async run(stage) {
      const pool = await stage.open({ size: 1 });
      const running = stage.run(pool, { task: "never" });
      const waiting = stage.run(pool, { task: "ping" });
      await stage.clock.sleep(SOON_MS);
      await stage.inTime(pool[Symbol.asyncDispose](), "the pool is disposed of");
      assert.deepEqual(await running, { kind: "aborted" });
      assert.deepEqual(await waiting, { kind: "aborted" });
      assert.equal(pool.busy, 0);
      assert.deepEqual(await stage.run(pool, { task: "ping" }), { kind: "aborted" });
      await stage.inTime(pool[Symbol.asyncDispose](), "the pool is disposed of again");
    },
  },
  {
    name: "a pool that was never started can be disposed of",
    async run(stage) {
      await stage.inTime(stage.create()[Symbol.asyncDispose](), "the pool is disposed of");
    },
  },
];

interface Blocker {
  readonly hasBegun: () => boolean;
  readonly stop: () => Promise<void>;
}

/** A job that takes a slot until it is stopped. */
function blocker(stage: PoolStage, pool: Pool, number: number): Blocker {
  const beats = stage.file(`-${number}`);
  const stop = new Ending();
  const running = start(pool, { task: "beat", args: [beats] }, { ending: stop });
  return {
    hasBegun: () => stage.textOf(beats).length > 0,
    stop: async () => {
      stop.end();
      await running;
    },
  };
}

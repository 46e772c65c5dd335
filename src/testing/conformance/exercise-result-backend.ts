import assert from "node:assert/strict";
import { ResultBackendUnavailableError } from "../../backend/errors.ts";
import type { ResultBackend, ResultWatch } from "../../backend/result-backend.ts";
import type { TaskMeta } from "../../backend/task-meta.ts";
import { EncodeError } from "../../message/errors.ts";
import { EncodedJson } from "../../message/json.ts";
import type { Clock } from "../../util/clock.ts";
import { systemClock } from "../../util/clock.ts";
import { register } from "./cases.ts";
import type { Case, Skip, TestFunction } from "./cases.ts";
import { eventually } from "./waiting.ts";

export interface ResultBackendExercise {
  /** Registers a test: vitest's `it`, `node:test`'s `test`. */
  readonly test: TestFunction;
  /** A place for results that no other test uses. */
  readonly createPlace: () => Promise<ResultPlace>;
  /** @default the system clock */
  readonly clock?: Clock;
  /** Tests, by the name behind "subject: ", that this backend cannot pass. */
  readonly skip?: readonly Skip[];
}

/** Where results are kept: a database, a server. Disposing of it removes them. */
export interface ResultPlace extends AsyncDisposable {
  /** A backend on this place, not open yet. Every call makes another one, as another process would. Disposed by the suite. */
  createBackend(options: { readonly resultExpiresMs: number }): ResultBackend;
}

const DAY_MS = 86_400_000;
/** Long enough for a slow machine to read before it is over. */
const SHORT_MS = 1_500;
const MANY = 5_000;

/** The definition of `ResultBackend` in tests. Each test has a place of its own. */
export function exerciseResultBackend(subject: string, exercise: ResultBackendExercise): void {
  const { test, createPlace, clock = systemClock, skip } = exercise;
  register({ subject, cases, test, skip, open: async () => new ResultStage(await createPlace(), clock) });
}

/** Opens backends on one place, and closes them. */
class ResultStage implements AsyncDisposable {
  readonly #place: ResultPlace;
  readonly #clock: Clock;
  readonly #backends: ResultBackend[] = [];

  constructor(place: ResultPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  async open(resultExpiresMs: number = DAY_MS): Promise<ResultBackend> {
    const backend = this.#place.createBackend({ resultExpiresMs });
    this.#backends.push(backend);
    await backend.open();
    return backend;
  }

  eventually(check: () => Promise<void> | void): Promise<void> {
    return eventually(this.#clock, check);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const backend of this.#backends) await backend[Symbol.asyncDispose]();
    await this.#place[Symbol.asyncDispose]();
  }
}

/** A watch that remembers the last it heard of every task. */
class Heard implements AsyncDisposable {
  readonly #last = new Map<string, TaskMeta>();
  readonly #watch: ResultWatch;

  constructor(backend: ResultBackend) {
    this.#watch = backend.watch((meta) => this.#last.set(meta.taskId, meta));
  }

  get size(): number {
    return this.#last.size;
  }

  last(taskId: string): TaskMeta | undefined {
    return this.#last.get(taskId);
  }

  add(taskIds: readonly string[]): Promise<void> {
    return this.#watch.add(taskIds);
  }

  remove(taskIds: readonly string[]): void {
    this.#watch.remove(taskIds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
  }
}

const FAILURE = { exc_type: "ValueError", exc_message: ["no such luck", 7], exc_module: "builtins" };

const EXTENDED = {
  name: "tasks.add",
  args: [1, 2],
  kwargs: { z: 3 },
  worker: "w1@host",
  retries: 2,
  queue: "celery",
};

const ODD_VALUES: readonly unknown[] = [
  null,
  false,
  0,
  "",
  [],
  {},
  NaN,
  -Infinity,
  "zwölf 🥕 \u2028 \u0000 \\ \" '",
  2n ** 64n,
  -(2n ** 80n),
  1e300,
  new Date("2026-11-22T15:30:23.660Z"),
  new Uint8Array([0, 1, 254, 255]),
  Array.from({ length: 100 }).reduce<unknown>((inner) => [{ inner }], "deep"),
  { "": 1, constructor: 2, ключ: [{ a: [null] }] },
];

const cases: readonly Case<ResultStage>[] = [
  {
    name: "every state is fetched as it was stored",
    async run(stage) {
      const backend = await stage.open();
      const metas = [
        metaOf("pending", "PENDING", null),
        metaOf("received", "RECEIVED", null),
        metaOf("started", "STARTED", { pid: 7, hostname: "w1@host" }),
        metaOf("progress", "PROGRESS", { percent: 10 }),
        metaOf("success", "SUCCESS", [1, "two", { three: null }], {
          children: [[["child", "success"], null]],
          parentId: "p",
          groupId: "g",
        }),
        metaOf("failure", "FAILURE", FAILURE, { traceback: "Traceback:\n  line 1" }),
        metaOf("retry", "RETRY", FAILURE, { traceback: "Traceback" }),
        metaOf("revoked", "REVOKED", {
          exc_type: "TaskRevokedError",
          exc_message: ["revoked"],
          exc_module: "celery.exceptions",
        }),
        metaOf("extended", "SUCCESS", 3, { extended: EXTENDED }),
      ];
      await backend.store(metas);
      const found = await backend.fetch(metas.map(({ taskId }) => taskId));
      for (const meta of metas) assert.deepEqual(found.get(meta.taskId), meta);
    },
  },
  {
    name: "a task that is not known is absent",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([metaOf("known", "SUCCESS", 1)]);
      assert.deepEqual([...(await backend.fetch(["unknown", "known", "known"])).keys()], ["known"]);
    },
  },
  {
    name: "nothing at all can be stored, fetched and forgotten",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([]);
      await backend.forget([]);
      assert.equal((await backend.fetch([])).size, 0);
    },
  },
  {
    name: "a later state replaces an earlier one",
    async run(stage) {
      const backend = await stage.open();
      for (const state of ["STARTED", "RETRY", "STARTED", "FAILURE"]) await backend.store([metaOf("t", state, state)]);
      assert.equal(await stateOf(backend, "t"), "FAILURE");
    },
  },
  {
    name: "a failed task may succeed in a later run",
    async run(stage) {
      const backend = await stage.open();
      for (const state of ["FAILURE", "STARTED", "SUCCESS"]) await backend.store([metaOf("t", state, state)]);
      assert.equal(await stateOf(backend, "t"), "SUCCESS");
    },
  },
  {
    name: "a success is never replaced",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      await backend.store([metaOf("t", "SUCCESS", "the first")]);
      for (const state of ["PENDING", "STARTED", "RETRY", "FAILURE", "REVOKED", "PROGRESS", "SUCCESS"]) {
        await backend.store([metaOf("t", state, "later")]);
        await other.store([metaOf("t", state, "later")]);
      }
      assert.deepEqual((await other.fetch(["t"])).get("t"), metaOf("t", "SUCCESS", "the first"));
    },
  },
  {
    name: "a success is not replaced within one batch either",
    async run(stage) {
      const backend = await stage.open();
      const batch = ["STARTED", "SUCCESS", "FAILURE", "RETRY"].map((state) => metaOf("t", state, state));
      await backend.store([...batch, metaOf("other", "STARTED", null)]);
      assert.equal(await stateOf(backend, "t"), "SUCCESS");
      assert.equal(await stateOf(backend, "other"), "STARTED");
    },
  },
  {
    name: "of several states of one task in a batch the last one counts",
    async run(stage) {
      const backend = await stage.open();
      await backend.store(["STARTED", "RETRY", "FAILURE"].map((state) => metaOf("t", state, state)));
      assert.equal(await stateOf(backend, "t"), "FAILURE");
    },
  },
  {
    name: "a success wins every race",
    async run(stage) {
      const backends = [await stage.open(), await stage.open(), await stage.open()];
      const ids = Array.from({ length: 20 }, (_, index) => `race-${index}`);
      const states = ["FAILURE", "STARTED", "SUCCESS", "REVOKED", "RETRY"];
      const writes = states.flatMap((state) =>
        backends.map((backend) => backend.store(ids.map((id) => metaOf(id, state, state)))),
      );
      await Promise.all(writes);
      const found = await (backends[0] as ResultBackend).fetch(ids);
      for (const id of ids) assert.equal(found.get(id)?.state, "SUCCESS");
    },
  },
  {
    name: "a record expires, a success too, and may then be written anew",
    async run(stage) {
      const backend = await stage.open(SHORT_MS);
      await backend.store([metaOf("s", "SUCCESS", 1), metaOf("f", "FAILURE", FAILURE)]);
      assert.equal((await backend.fetch(["s", "f"])).size, 2);
      await stage.eventually(async () => assert.equal((await backend.fetch(["s", "f"])).size, 0));
      await backend.store([metaOf("s", "STARTED", null)]);
      assert.equal(await stateOf(backend, "s"), "STARTED");
    },
  },
  {
    name: "a record that is written again lives on from then",
    async run(stage) {
      const backend = await stage.open(SHORT_MS);
      await backend.store([metaOf("renewed", "STARTED", null), metaOf("marker", "STARTED", null)]);
      await stage.eventually(async () => {
        await backend.store([metaOf("renewed", "STARTED", null)]);
        assert.equal((await backend.fetch(["marker"])).size, 0);
      });
      assert.equal(await stateOf(backend, "renewed"), "STARTED");
    },
  },
  {
    name: "a forgotten task is absent, and may be written anew",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([metaOf("t", "SUCCESS", 1), metaOf("kept", "SUCCESS", 1)]);
      await backend.forget(["t", "t", "unknown"]);
      assert.deepEqual([...(await backend.fetch(["t", "kept"])).keys()], ["kept"]);
      await backend.store([metaOf("t", "STARTED", null)]);
      assert.equal(await stateOf(backend, "t"), "STARTED");
    },
  },
  {
    name: "thousands are stored, fetched and forgotten at once",
    async run(stage) {
      const backend = await stage.open();
      const metas = Array.from({ length: MANY }, (_, index) => metaOf(`many-${index}`, "SUCCESS", index));
      const ids = metas.map(({ taskId }) => taskId);
      await backend.store(metas);
      const found = await backend.fetch(ids);
      assert.equal(found.size, MANY);
      assert.equal(found.get(`many-${MANY - 1}`)?.result, MANY - 1);
      await backend.forget(ids);
      assert.equal((await backend.fetch(ids)).size, 0);
    },
  },
  {
    name: "values come back as they were, however odd",
    async run(stage) {
      const backend = await stage.open();
      for (const [index, value] of ODD_VALUES.entries())
        await backend.store([metaOf(`odd-${index}`, "SUCCESS", value)]);
      const found = await backend.fetch(ODD_VALUES.map((_, index) => `odd-${index}`));
      for (const [index, value] of ODD_VALUES.entries()) assert.deepEqual(found.get(`odd-${index}`)?.result, value);
    },
  },
  {
    name: "ids may hold any characters",
    async run(stage) {
      const backend = await stage.open();
      const ids = [
        "ünïcode-🥕",
        "with blank",
        'it\'s "quoted"',
        "'; DROP TABLE results; --",
        "a%b_c*",
        "__proto__",
        "x".repeat(255),
      ];
      await backend.store(ids.map((id) => metaOf(id, "SUCCESS", id)));
      const found = await backend.fetch(ids);
      for (const id of ids) assert.equal(found.get(id)?.result, id);
    },
  },
  {
    name: "encoded JSON is stored as it stands",
    async run(stage) {
      const backend = await stage.open();
      const text = '{ "big": 12345678901234567890, "nan": NaN,  "list": [1.50, "\\u00e9"] }';
      await backend.store([metaOf("t", "SUCCESS", new EncodedJson(text))]);
      const result = (await backend.fetch(["t"])).get("t")?.result;
      assert.deepEqual(result, { big: 12_345_678_901_234_567_890n, nan: NaN, list: [1.5, "é"] });
    },
  },
  {
    name: "a result of five megabytes is kept whole",
    async run(stage) {
      const backend = await stage.open();
      const large = "0123456789".repeat(500_000);
      await backend.store([metaOf("t", "SUCCESS", large)]);
      assert.equal((await backend.fetch(["t"])).get("t")?.result, large);
    },
  },
  {
    name: "a batch with a value that has no JSON form is refused as a whole",
    async run(stage) {
      const backend = await stage.open();
      const batch = [metaOf("good", "SUCCESS", 1), metaOf("bad", "SUCCESS", () => undefined)];
      await assert.rejects(backend.store(batch), (error) => error instanceof EncodeError);
      assert.equal((await backend.fetch(["good", "bad"])).size, 0);
    },
  },
  {
    name: "what one backend stored, another one fetches, also when the first has gone",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([metaOf("t", "SUCCESS", 1)]);
      await backend[Symbol.asyncDispose]();
      assert.equal(await stateOf(await stage.open(), "t"), "SUCCESS");
    },
  },
  {
    name: "a watch hears what another backend stores, and nothing else",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      await using watch = new Heard(backend);
      await watch.add(["watched"]);
      await other.store([metaOf("unwatched", "SUCCESS", 1), metaOf("watched", "STARTED", null)]);
      await other.store([metaOf("watched", "SUCCESS", 42)]);
      await stage.eventually(() => assert.deepEqual(watch.last("watched"), metaOf("watched", "SUCCESS", 42)));
      assert.equal(watch.last("unwatched"), undefined);
    },
  },
  {
    name: "a watch hears what its own backend stores",
    async run(stage) {
      const backend = await stage.open();
      await using watch = new Heard(backend);
      await watch.add(["t"]);
      await backend.store([metaOf("t", "SUCCESS", 42)]);
      await stage.eventually(() => assert.equal(watch.last("t")?.result, 42));
    },
  },
  {
    name: "a watch hears of a record that was there before",
    async run(stage) {
      const backend = await stage.open();
      await backend.store([metaOf("t", "FAILURE", FAILURE)]);
      await using watch = new Heard(backend);
      await watch.add(["t"]);
      await stage.eventually(() => assert.equal(watch.last("t")?.state, "FAILURE"));
    },
  },
  {
    name: "a state that could not replace a success is not the last one heard",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      await using watch = new Heard(backend);
      await watch.add(["t", "after"]);
      await other.store([metaOf("t", "SUCCESS", 1)]);
      await other.store([metaOf("t", "FAILURE", FAILURE), metaOf("after", "SUCCESS", 2)]);
      await stage.eventually(() => assert.equal(watch.last("after")?.state, "SUCCESS"));
      assert.equal(watch.last("t")?.state, "SUCCESS");
    },
  },
  {
    name: "one watch hears of thousands",
    async run(stage) {
      const [backend, other] = [await stage.open(), await stage.open()];
      const ids = Array.from({ length: MANY }, (_, index) => `many-${index}`);
      await using watch = new Heard(backend);
      await watch.add(ids.slice(0, 10));
      await watch.add(ids.slice(10));
      await other.store(ids.map((id) => metaOf(id, "SUCCESS", id)));
      await stage.eventually(() => assert.equal(watch.size, MANY));
      for (const id of ids) assert.equal(watch.last(id)?.result, id);
    },
  },
  {
    name: "a task that was removed from a watch is heard no more, and may be added again",
    async run(stage) {
      const backend = await stage.open();
      await using watch = new Heard(backend);
      await watch.add(["removed", "kept"]);
      watch.remove(["removed", "unknown"]);
      await backend.store([metaOf("removed", "SUCCESS", 1)]);
      await backend.store([metaOf("kept", "SUCCESS", 2)]);
      await stage.eventually(() => assert.equal(watch.last("kept")?.result, 2));
      assert.equal(watch.last("removed"), undefined);
      await watch.add(["removed"]);
      await stage.eventually(() => assert.equal(watch.last("removed")?.result, 1));
    },
  },
  {
    name: "a disposed watch is silent, and the others go on",
    async run(stage) {
      const backend = await stage.open();
      await using first = new Heard(backend);
      await using second = new Heard(backend);
      await first.add(["t"]);
      await second.add(["t"]);
      await first[Symbol.asyncDispose]();
      await backend.store([metaOf("t", "SUCCESS", 1)]);
      await stage.eventually(() => assert.equal(second.last("t")?.result, 1));
      assert.equal(first.last("t"), undefined);
    },
  },
  {
    name: "opening and disposing twice is fine, and a disposed backend says that it is not available",
    async run(stage) {
      const backend = await stage.open();
      await backend.open();
      await backend[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
      const refuses = (error: unknown): boolean => error instanceof ResultBackendUnavailableError;
      await assert.rejects(backend.store([metaOf("t", "SUCCESS", 1)]), refuses);
      await assert.rejects(backend.fetch(["t"]), refuses);
    },
  },
];

function metaOf(taskId: string, state: string, result: unknown, more: Partial<TaskMeta> = {}): TaskMeta {
  const doneAt = ["SUCCESS", "FAILURE", "REVOKED"].includes(state) ? new Date("2026-11-22T15:30:23.660Z") : null;
  return { taskId, state, result, traceback: null, doneAt, children: [], parentId: null, groupId: null, ...more };
}

async function stateOf(backend: ResultBackend, taskId: string): Promise<string | undefined> {
  return (await backend.fetch([taskId])).get(taskId)?.state;
}

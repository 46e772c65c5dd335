import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redis } from "../../src/adapters/redis/index.ts";
import type { SupervisedConnections } from "../../src/adapters/redis/connections/supervised-connections.ts";
import { failureDocument, failureOf } from "../../src/backend/failure.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import type { TaskMeta } from "../../src/backend/task-meta.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { eventually } from "../support/eventually.ts";
import { PythonProcess } from "../support/python-process.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { HAS_REDIS, RedisServer } from "../support/redis.ts";
import { PYTHON } from "./celery-worker-reads.ts";

const DONE_AT = new Date("2026-01-02T03:04:05.678Z");

describe.skipIf(PYTHON === "" || !HAS_REDIS).each(["", "shop", "shop:"])(
  "results in one Redis, with the prefix %j",
  (prefix) => {
    let server: RedisServer;
    let python: ResultsInPython;
    let backend: ResultBackend;
    let connections: SupervisedConnections;

    beforeAll(async () => {
      server = await RedisServer.start();
      python = new ResultsInPython(server.url, prefix);
      const create = redis({ url: server.url, resultKeyprefix: prefix }).createResultBackend;
      if (create === undefined) throw new Error("absent");
      backend = create({ clock: systemClock, log, resultExpiresMs: 86_400_000 });
      connections = redisConnections(server.url);
    });
    afterAll(async () => {
      await backend[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
      await python[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    it.each([
      ["a number", 3, "3"],
      ["nothing", null, "None"],
      ["text", 'ünïcode \0 🥕 "', `'ünïcode \\x00 🥕 "'`],
      ["containers", { list: [1, [true, {}]], float: 1.5 }, "{'list': [1, [True, {}]], 'float': 1.5}"],
      ["a big integer", 2n ** 70n, "1180591620717411303424"],
      ["no number", [NaN, Infinity, -Infinity], "[nan, inf, -inf]"],
      ["a date", DONE_AT, "datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)"],
    ])("%s that we store is the same in Python, and back again", async (name, result, repr) => {
      await backend.store([meta({ taskId: `ours ${name}`, result })]);
      expect(await python.do("repr_of", `ours ${name}`)).toEqual({ state: "SUCCESS", repr });
      await python.do(
        "store",
        `theirs ${name}`,
        repr.replaceAll(/\bnan\b/g, "float('nan')").replaceAll(/\binf\b/g, "float('inf')"),
      );
      const found = (await backend.fetch([`theirs ${name}`])).get(`theirs ${name}`);
      expect(found).toMatchObject({ state: "SUCCESS", taskId: `theirs ${name}` });
      expect(found?.result).toEqual(result);
    });

    it("what Python knows of a task's end is what we told", async () => {
      const children = [[["child-1", null], null]];
      const extended = { name: "shop.add", args: [1], kwargs: {}, worker: "w@h", retries: 2, queue: "celery" };
      await backend.store([meta({ taskId: "ours", result: 1, children, extended })]);
      expect(await python.do("read", "ours")).toMatchObject({
        done: "2026-01-02T03:04:05.678000+00:00",
        children: ["child-1"],
        name: "shop.add",
        args: [1],
        worker: "w@h",
      });
    });

    it.each([
      [new TypeError("no such thing"), { class: "TypeError", module: "builtins", args: ["no such thing"] }],
      [new Error("broken"), { class: "Error", args: ["broken"] }],
      [Object.assign(new Error("mine"), { name: "OwnError" }), { class: "OwnError", args: ["mine"] }],
    ])("Python raises %s by its name", async (error, seen) => {
      const taskId = `failure ${error.name} ${error.message}`;
      const failure = failureOf(error);
      await backend.store([
        meta({ taskId, state: "FAILURE", result: failureDocument(failure), traceback: failure.traceback }),
      ]);
      expect(await python.do("read", taskId)).toMatchObject({
        state: "FAILURE",
        value: seen,
        traceback: failure.traceback,
      });
    });

    it.each([
      ["ValueError", "builtins", ["no", 1, null]],
      ["KeyError", "builtins", ["ünïcode"]],
      ["OwnError", "shop.errors", ["mine", { a: [1] }]],
    ])("we read Python's %s", async (name, module, args) => {
      await python.do("fail", name, name);
      const found = (await backend.fetch([name])).get(name);
      expect(found).toMatchObject({
        state: "FAILURE",
        result: { exc_type: name, exc_module: module, exc_message: args },
        traceback: "Traceback: line 1",
      });
      expect(found?.doneAt).toBeInstanceOf(Date);
    });

    it("states that are no end are told both ways", async () => {
      await backend.store([meta({ taskId: "started", state: "STARTED", result: { pid: 1 }, doneAt: null })]);
      expect(await python.do("state", "started")).toBe("STARTED");
      await python.do("fail", "retried", "Retry", "RETRY");
      expect((await backend.fetch(["retried"])).get("retried")).toMatchObject({ state: "RETRY", doneAt: null });
    });

    it("neither replaces the other's success", async () => {
      await backend.store([meta({ taskId: "our success", result: 1 })]);
      await python.do("fail", "our success", "ValueError");
      await python.do("store", "their success", "1");
      await backend.store([meta({ taskId: "their success", state: "FAILURE", result: null, fence: 5 })]);
      for (const taskId of ["our success", "their success"]) {
        expect((await backend.fetch([taskId])).get(taskId)).toMatchObject({ state: "SUCCESS", result: 1 });
      }
    });

    it("who waits on one side is woken by the other", async () => {
      const waiting = python.do("read", "awaited by Python");
      await eventually(async () => {
        const [, listeners] = (await connections.commands.command(["PUBSUB", "NUMSUB", key("awaited by Python")])) as [
          string,
          number,
        ];
        expect(listeners).toBe(1);
      });
      await backend.store([meta({ taskId: "awaited by Python", result: "here" })]);
      expect(await waiting).toMatchObject({ state: "SUCCESS", value: "here" });

      const heard: TaskMeta[] = [];
      await using watch = backend.watch((told) => heard.push(told));
      await watch.add(["awaited by us"]);
      await python.do("store", "awaited by us", "'there'");
      await eventually(() => expect(heard).toMatchObject([{ state: "SUCCESS", result: "there" }]));
    });

    it("our record has the key, the kind, the fields and the life of Python's", async () => {
      await backend.store([meta({ taskId: "bytes-ours", result: 1 })]);
      await python.do("store", "bytes-theirs", "1");
      for (const taskId of ["bytes-ours", "bytes-theirs"]) {
        const ttl = Number(await connections.commands.command(["TTL", key(taskId)]));
        expect(ttl).toBeGreaterThan(86_390);
        expect(ttl).toBeLessThanOrEqual(86_400);
      }
      const [ours, theirs] = (await connections.commands.command(["MGET", key("bytes-ours"), key("bytes-theirs")])) as [
        string,
        string,
      ];
      expect(Object.keys(JSON.parse(ours) as object)).toEqual(Object.keys(JSON.parse(theirs) as object));
    });

    function key(taskId: string): string {
      const separator = prefix === "" || prefix.endsWith(":") ? "" : "_";
      return `${prefix}${separator}celery-task-meta-${taskId}`;
    }
  },
);

function meta(changes: Partial<TaskMeta>): TaskMeta {
  const base = {
    taskId: "",
    state: "SUCCESS",
    result: null,
    traceback: null,
    doneAt: DONE_AT,
    children: [],
    parentId: null,
    groupId: null,
  };
  return { ...base, ...changes };
}

/** `python/redis_results.py`. */
class ResultsInPython extends PythonProcess {
  constructor(url: string, prefix: string) {
    super({ python: PYTHON, args: [join(import.meta.dirname, "python/redis_results.py"), url, prefix] });
  }

  do(what: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.ask({ do: what, with: args });
  }
}

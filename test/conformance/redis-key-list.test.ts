import { afterAll, beforeAll, expect } from "vitest";
import { redis } from "../../src/adapters/redis/index.ts";
import { message } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { RedisBeds, type RedisBed } from "../support/redis-bed.ts";
import { describe, it } from "../support/with-redis.ts";
import { readPage, rowsOf } from "../unit/docs/reference.ts";

const LIFE_MS = 60_000;

let beds: RedisBeds;

beforeAll(async () => {
  beds = await RedisBeds.start();
});
afterAll(() => beds[Symbol.asyncDispose]());

interface Row {
  readonly name: string;
  /** Words in capitals stand for anything. */
  readonly pattern: RegExp;
  readonly type: string;
  readonly expires: boolean;
}

/** Those first that say most of the name. */
async function listed(): Promise<readonly Row[]> {
  const rows = rowsOf(await readPage("redis.md"), "Keys in Redis").flatMap(([names = "", type = "", , expires]) =>
    names.split(", ").map((cell): Row => {
      const name = cell
        .replaceAll("`", "")
        .replaceAll(/\\x(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
      return { name, pattern: patternOf(name), type, expires: expires !== "never" };
    }),
  );
  return rows
    .filter(({ type }) => /^[a-z]+$/.test(type) && type !== "type")
    .toSorted((a, b) => b.name.length - a.name.length);
}

function patternOf(name: string): RegExp {
  const parts = name
    .split(/([A-Z]+)/)
    .map((part) => (/^[A-Z]+$/.test(part) ? ".+" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${parts.join("")}$`);
}

/** Leaves of everything something behind. */
async function work(bed: RedisBed): Promise<void> {
  const { store, queue } = bed;
  await store.declare({
    exchanges: [{ name: "news", type: "topic" }],
    queues: [{ name: "expiring", expiresMs: LIFE_MS }],
    bindings: [{ exchange: "news", queue, routingKey: "#" }],
  });
  await store.attend("consumer", [queue], 15_000);
  await bed.push({ text: "handed out" }, { text: "dies" });
  const [, dies] = await bed.take(2);
  await bed.settle({ receipt: dies?.receipt ?? "", outcome: "dead-letter", reason: { code: "rejected", detail: "" } });
  await bed.push(...[0, 3, 6, 9].map((priority) => ({ text: "waits", priority })));
  const unique = { key: "k", until: "end", onDuplicate: "keep-first" } as const;
  await store.push([{ ...bed.item({ text: "delayed" }), delayMs: LIFE_MS, unique }]);
}

async function claimAndStore(prefix: string): Promise<void> {
  const adapter = redis({ url: beds.server.url, globalKeyprefix: prefix, resultKeyprefix: prefix });
  await using keys = adapter.createKeyStore?.({ clock, log });
  await keys?.claim("family:key", "me", LIFE_MS);
  await keys?.takeTurn("limited", { everyMs: LIFE_MS, withinMs: 0 });
  await using results = adapter.createResultBackend?.({ clock, log, resultExpiresMs: LIFE_MS });
  await results?.store([{ ...META, fence: 1 }]);
  await results?.groups.save({ id: "group", parent: null, members: [{ id: "t", parent: null, members: null }] });
  await results?.canvases.save({ id: "canvas", parts: ["1"], lifeMs: LIFE_MS });
  for (const [chordId, size] of [
    ["waiting", 2],
    ["complete", 1],
  ] as const) {
    await results?.chords.begin([{ chordId, size, deadline: DEADLINE }]);
    await results?.chords.grow(chordId, chordId === "waiting" ? ["t2"] : []);
    await results?.chords.join({ chordId, taskId: "t", index: 0 }, { state: "SUCCESS", result: 1 });
  }
}

/** As a process that was killed while it waited for a reply. */
async function listenAndDie(prefix: string): Promise<void> {
  const replies = { name: "replies", type: "direct" } as const;
  const adapter = redis({ url: beds.server.url, globalKeyprefix: prefix });
  const dead = adapter.createBroker?.({ clock, log });
  await dead?.broadcaster?.listen(replies, { pattern: "key" });
  await dead?.[Symbol.asyncDispose]();
  await using alive = adapter.createBroker?.({ clock, log });
  await alive?.broadcaster?.broadcast(message("in vain"), replies, "key");
}

const DEADLINE = {
  ms: LIFE_MS,
  body: { task: "body", args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false },
  rootId: null,
};

const META = {
  taskId: "t",
  state: "SUCCESS",
  result: null,
  traceback: null,
  doneAt: null,
  children: [],
  parentId: null,
  groupId: null,
};

describe("the reference of the keys", () => {
  it("lists every key that is left behind, with its type and whether it expires, and no other", async () => {
    await using bed = await beds.open();
    await work(bed);
    await claimAndStore(bed.prefix);
    await listenAndDie(bed.prefix);
    const rows = await listed();
    const keys = (await bed.redis(["KEYS", `${bed.prefix}*`])) as readonly string[];
    const met = new Set<string>();
    for (const key of keys) {
      const name = key.slice(bed.prefix.length);
      const row = rows.find(({ pattern }) => pattern.test(name));
      met.add(row?.name ?? "");
      const found = [await bed.redis(["TYPE", key]), Number(await bed.redis(["PTTL", key])) > 0];
      expect([name, ...found]).toEqual([name, row?.type, row?.expires]);
    }
    expect([...met].sort()).toEqual(rows.map(({ name }) => name).sort());
  });
});

import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { redis } from "../../src/adapters/redis/index.ts";
import type { Settlement } from "../../src/broker/queued/message-store.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { LEASE_MS, RedisBeds, type RedisBed } from "../support/redis-bed.ts";
import { describe, it } from "../support/with-redis.ts";

let beds: RedisBeds;
let bed: RedisBed;

beforeAll(async () => {
  beds = await RedisBeds.start();
});
afterAll(() => beds[Symbol.asyncDispose]());

beforeEach(async () => {
  bed = await beds.open();
});
afterEach(async () => {
  await setLimit(0);
  await bed[Symbol.asyncDispose]();
});

describe("a server that has reached its maxmemory", () => {
  it("refuses what is sent, by the name of its trouble", async () => {
    await setLimit(1);
    const unique = { key: "k", until: "end", onDuplicate: "keep-first" } as const;
    for (const more of [{}, { delayMs: 60_000 }, { unique }]) {
      const sent = bed.store.push([{ ...bed.item({ text: "x" }), ...more }]);
      await expect(sent).rejects.toThrow(/is not available: it has reached its maxmemory/);
    }
  });

  it("hands out, renews and takes back all the same: that makes room", async () => {
    await bed.push(...SETTLEMENTS.map((_, index) => ({ text: String(index) })));
    await setLimit(1);
    const receipts = (await bed.take(SETTLEMENTS.length)).map(({ receipt }) => receipt);
    expect(await bed.store.renew(receipts, LEASE_MS)).toEqual([]);
    const settlements = SETTLEMENTS.map((each, index): Settlement => ({ ...each, receipt: receipts[index] ?? "" }));
    expect(receipts.length).toBe(SETTLEMENTS.length);
    expect(await bed.store.settle(settlements)).toEqual([]);
    await bed.store.attend("consumer", [bed.queue], 15_000);
    expect(await bed.store.count(bed.queue)).toMatchObject({ ready: 2, delayed: 1, unacked: 0, consumers: 1 });
  });

  it("keeps a result, without which its task could not be acknowledged", async () => {
    const resultKeyprefix = `${randomUUID()}:`;
    const { createResultBackend } = redis({ url: beds.server.url, resultKeyprefix });
    await using results = createResultBackend?.({ clock, log, resultExpiresMs: 60_000 });
    await setLimit(1);
    expect(await results?.store([{ ...META, fence: 1 }])).toEqual([]);
    expect(await bed.redis(["EXISTS", `${resultKeyprefix}celery-task-meta-${META.taskId}`])).toBe(1);
  });

  it("counts the members of a chord, which could not be acknowledged either", async () => {
    const { createResultBackend } = redis({ url: beds.server.url, resultKeyprefix: `${randomUUID()}:` });
    await using results = createResultBackend?.({ clock, log, resultExpiresMs: 60_000 });
    await results?.chords.begin([{ chordId: "c", size: 2, deadline: null }]);
    await setLimit(1);
    const join = (taskId: string, index: number) =>
      results?.chords.join({ chordId: "c", taskId, index }, { state: "SUCCESS", result: null });
    expect(await join("a", 0)).toEqual({ kind: "waiting" });
    expect(await join("b", 1)).toMatchObject({ kind: "complete" });
    await results?.chords.end({ chordId: "c", taskId: "b", index: 1 }, "sent");
    expect(await join("b", 1)).toEqual({ kind: "over" });
  });
});

const SETTLEMENTS = [
  { outcome: "ack" },
  { outcome: "hand-back" },
  { outcome: "requeue", reason: { code: "failed", detail: "" } },
  { outcome: "defer", until: new Date(Date.now() + 60_000) },
  { outcome: "dead-letter", reason: { code: "rejected", detail: "" } },
] as const;

const META = {
  taskId: "full",
  state: "SUCCESS",
  result: null,
  traceback: null,
  doneAt: null,
  children: [],
  parentId: null,
  groupId: null,
};

async function setLimit(bytes: number): Promise<void> {
  await bed.redis(["CONFIG", "SET", "maxmemory", bytes]);
}

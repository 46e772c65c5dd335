import { fileURLToPath } from "node:url";
import { postgres } from "celeriac/postgres";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger } from "../../src/util/logger.ts";
import { startChild } from "../child.ts";
import type { Contender, Figures, Loads, Place, StoreLoad } from "../contender.ts";
import { idleQuantiles, inBatches, inFlight, msUntil, pause, warmRateOf } from "../load.ts";
import { OURS } from "../suite.ts";
import { FILL, idsInParts, newResult } from "./results.ts";
import { lacksPostgres, postgresUrlOf } from "./server.ts";

const IDLE_MS = 15;
const DAY_MS = 86_400_000;

/** Results as a worker stores them, and as who waits for them gets them. */
export const celeriacOnPostgres: Contender = {
  name: OURS,
  lacks: lacksPostgres,
  measurements: { store, fetch, told },
};

async function store(place: Place, { count, inFlight: width }: StoreLoad): Promise<Figures> {
  await using backend = await openBackend(postgresUrlOf(place));
  return { rate: await warmRateOf(count, (some) => inFlight(some, width, () => backend.store([newResult()]))) };
}

async function fetch(place: Place, { count, size }: Loads["fetch"]): Promise<Figures> {
  await using backend = await openBackend(postgresUrlOf(place));
  const ids: string[] = [];
  await inBatches(count, FILL, async (some) => {
    const metas = Array.from({ length: some }, newResult);
    await backend.store(metas);
    ids.push(...metas.map(({ taskId }) => taskId));
  });
  const rate = await warmRateOf(count, async (some) => {
    for (const part of idsInParts(ids, some, size)) await backend.fetch(part);
  });
  return { rate };
}

async function told(place: Place, { samples }: Loads["told"]): Promise<Figures> {
  const url = postgresUrlOf(place);
  await using backend = await openBackend(url);
  await using waiter = await startChild(fileURLToPath(import.meta.resolve("./waiter.ts")), { BENCH_PLACE: url });
  return await idleQuantiles(samples, async () => {
    const meta = newResult();
    waiter.tell(meta.taskId);
    await waiter.line();
    await pause(IDLE_MS);
    const storedAt = process.hrtime.bigint();
    await backend.store([meta]);
    return msUntil(await waiter.line(), storedAt);
  });
}

export async function openBackend(url: string): Promise<ResultBackend> {
  const context = { clock: systemClock, log: silentLogger, resultExpiresMs: DAY_MS };
  const backend = postgres({ url }).createResultBackend?.(context);
  if (backend === undefined) throw new Error("bench/postgres/celeriac.ts finds no results in Postgres.");
  await backend.open();
  return backend;
}

import { fileURLToPath } from "node:url";
import pg from "pg";
import { encodeMeta } from "../../src/backend/task-meta.ts";
import { startChild } from "../child.ts";
import type { Contender, Figures, Loads, Place, StoreLoad } from "../contender.ts";
import { idleQuantiles, inBatches, inFlight, msUntil, pause, warmRateOf } from "../load.ts";
import { FILL, idsInParts, newResult } from "./results.ts";
import { lacksPostgres, postgresUrlOf } from "./server.ts";

const IDLE_MS = 15;
/** As many as Celeriac has. */
const CONNECTIONS = 4;
export const CHANNEL = "raw_results";

// The rows of src/adapters/postgres, without what it asks for the sake of second runs, and of who waits.
const INTO = "INSERT INTO celeriac.results (task_id, state, fence, expires_at, meta)";
const INSERT = `${INTO} VALUES ($1, $2, $3, clock_timestamp() + interval '1 day', $4)`;
const INSERT_ALL = `${INTO} SELECT task_id, state, fence, clock_timestamp() + interval '1 day', meta FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS n (task_id, state, fence, meta)`;
const SELECT = "SELECT task_id, meta FROM celeriac.results WHERE task_id = ANY ($1::text[])";

/** The same library and the same rows, one to a statement, as many statements at once as there are connections. */
export const rawPg: Contender = {
  name: "raw pg",
  lacks: lacksPostgres,
  measurements: { store, fetch, told },
};

/** All that is in flight in one statement, on one connection. */
export const rawPgTogether: Contender = {
  name: "raw pg, many rows",
  lacks: lacksPostgres,
  measurements: { store: storeTogether },
};

async function store(place: Place, { count, inFlight: width }: StoreLoad): Promise<Figures> {
  await using raw = openRaw(place);
  return { rate: await warmRateOf(count, (some) => inFlight(some, width, () => raw.ask(INSERT, newRow()))) };
}

async function storeTogether(place: Place, { count, inFlight: width }: StoreLoad): Promise<Figures> {
  await using raw = openRaw(place);
  const insert = (some: number): Promise<unknown> => raw.ask(INSERT_ALL, columnsOf(newRows(some)));
  return { rate: await warmRateOf(count, (some) => inBatches(some, width, insert)) };
}

async function fetch(place: Place, { count, size }: Loads["fetch"]): Promise<Figures> {
  await using raw = openRaw(place);
  const ids: string[] = [];
  await inBatches(count, FILL, async (some) => {
    const rows = newRows(some);
    await raw.ask(INSERT_ALL, columnsOf(rows));
    ids.push(...rows.map(([taskId]) => taskId));
  });
  const rate = await warmRateOf(count, async (some) => {
    for (const part of idsInParts(ids, some, size)) await raw.ask(SELECT, [part]);
  });
  return { rate };
}

async function told(place: Place, { samples }: Loads["told"]): Promise<Figures> {
  await using raw = openRaw(place);
  const program = fileURLToPath(import.meta.resolve("./raw-waiter.ts"));
  await using waiter = await startChild(program, { BENCH_PLACE: postgresUrlOf(place) });
  return await idleQuantiles(samples, async () => {
    await pause(IDLE_MS);
    const storedAt = process.hrtime.bigint();
    await raw.ask(`${INSERT} RETURNING pg_notify('${CHANNEL}', task_id)`, newRow());
    return msUntil(await waiter.line(), storedAt);
  });
}

type Row = readonly [taskId: string, state: string, fence: number, text: string];

function newRow(): Row {
  const meta = newResult();
  return [meta.taskId, meta.state, meta.fence, encodeMeta(meta)];
}

function newRows(count: number): readonly Row[] {
  return Array.from({ length: count }, newRow);
}

function columnsOf(rows: readonly Row[]): readonly (readonly unknown[])[] {
  return [0, 1, 2, 3].map((column) => rows.map((row) => row[column]));
}

interface RawPool extends AsyncDisposable {
  readonly ask: (text: string, values: readonly unknown[]) => Promise<unknown>;
}

/** Statements are prepared once on each connection, and wait for the write as Celeriac's do. */
function openRaw(place: Place): RawPool {
  const options = "-c synchronous_commit=on";
  const pool = new pg.Pool({ connectionString: postgresUrlOf(place), max: CONNECTIONS, options });
  return {
    ask: (text, values) => pool.query({ name: nameOf(text), text, values: values as unknown[] }),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

const names = new Map<string, string>();

function nameOf(text: string): string {
  const name = names.get(text) ?? `statement ${names.size}`;
  names.set(text, name);
  return name;
}

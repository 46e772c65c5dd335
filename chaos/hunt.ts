import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Celeriac } from "celeriac";
import { readJournal } from "./journal.ts";
import { leaksOf } from "./leaks.ts";
import { Pack } from "./pack.ts";
import { sqlitePlace, type Place, type Server } from "./place.ts";
import { drained, underWay } from "./progress.ts";
import { Random } from "./random.ts";
import { RedisPlace } from "./redis-place.ts";
import { producerRole, pythonRole, workerRole } from "./roles.ts";
import { shoot } from "./shooter.ts";
import { broker, children, connections, members, type Target } from "./targets.ts";
import { judge, type Verdict } from "./verdict.ts";

/** What stands in the journal once one of our workers, or of Celery's own, has done something. */
const ENDED = '"what":"ended"';
const IN_PYTHON = '"runtime":"python"';
/** Ids in one look-up of results. */
const IDS_AT_ONCE = 1_000;

export interface HuntOptions {
  readonly seed: number;
  /** How long it is shot. */
  readonly seconds: number;
  readonly place: keyof typeof PLACES;
  readonly workers: number;
  /** Tasks that each worker runs at once. */
  readonly concurrency: number;
  /** So many of Celery's own workers on the same queue, run by a Python that has Celery. */
  readonly celery: { readonly python: string; readonly workers: number } | undefined;
  readonly producers: number;
  readonly pool: string;
  readonly shotsPerSecond: number;
  /** Of each producer. */
  readonly callsPerSecond: number;
  /** Share of the freezes that outlast a lease, from 0 to 1. */
  readonly longFreezes: number;
  /** Whether the broker is shot at, too. */
  readonly shootsBroker: boolean;
  /** Whether connections to the broker are cut, ten times as often as processes are shot at. */
  readonly cutsConnections: boolean;
  /** Whether the broker is searched for what nobody needs any more. */
  readonly findsLeaks: boolean;
}

export interface HuntReport extends Verdict {
  /** What the broker has kept, the journal, the shots and everybody's log; kept when a promise was broken. */
  readonly directory: string;
}

const PLACES = {
  sqlite: async (directory: string): Promise<Place> => sqlitePlace(directory),
  redis: (): Promise<Place> => RedisPlace.start(),
} as const;

/** Real workers and producers on one broker, shot at from all sides; then the dead are counted. */
export async function hunt(options: HuntOptions): Promise<HuntReport> {
  const directory = await mkdtemp(join(tmpdir(), "celeriac-hunt-"));
  await using place = await PLACES[options.place](directory);
  const verdict = await huntIn(directory, place, options);
  if (verdict.broken.length === 0) await rm(directory, { recursive: true, force: true });
  else await place.keep(directory);
  return { ...verdict, directory };
}

async function huntIn(directory: string, place: Place, options: HuntOptions): Promise<Verdict> {
  const logs = join(directory, "logs");
  await mkdir(logs);
  const { url, server } = place;
  const journal = join(directory, "journal.jsonl");
  const around = { env: { CELERY_BROKER_URL: url, CELERY_RESULT_BACKEND: url, CHAOS_JOURNAL: journal }, logs };
  const { seed, pool, concurrency, callsPerSecond, celery, shotsPerSecond: perSecond, seconds, longFreezes } = options;
  const mix = celery === undefined ? "usual" : "lasting";

  await using workers = new Pack(workerRole(around, pool, concurrency), options.workers);
  await using pythons = new Pack(pythonRole(around, celery?.python ?? ""), celery?.workers ?? 0);
  await using producers = new Pack(producerRole(around, seed, callsPerSecond, mix), options.producers);
  await underWay(journal, celery === undefined ? [ENDED] : [ENDED, IN_PYTHON]);
  const targets = targetsOf({ workers, pythons, producers }, server, options);
  const shots = await shoot(new Random(seed), { targets, perSecond, seconds, longFreezes });
  await writeFile(join(directory, "shots.json"), JSON.stringify(shots));

  await producers.stop();
  await using app = new Celeriac({ broker: url, resultBackend: url }, { env: {} });
  const connected = await app.broker();
  const left = await drained(place, connected);
  const workerExits = [...workers.exits];
  await Promise.all([workers.stop(), pythons.stop()]);
  const entries = readJournal(journal);
  const ids = new Set(entries.map(({ id }) => id));
  const states = await statesOf(app, [...ids]);
  const deadLetters = (await connected.deadLetters()).map(({ reason }) => `${reason.code}: ${reason.detail}`);
  await app.close();
  const verdict = judge({ journal: entries, shots, workerExits, states, left, deadLetters });
  return server !== undefined && options.findsLeaks ? together(verdict, await leaksOf(server, ids)) : verdict;
}

/** What is shot at, and how often in relation to the others. */
function targetsOf(
  { workers, pythons, producers }: Fleet,
  server: Server | undefined,
  options: HuntOptions,
): readonly Target[] {
  const { celery, shootsBroker, cutsConnections } = options;
  const targets = [
    members("worker", workers, 70),
    children("poolChild", workers, 15),
    members("producer", producers, 15),
  ];
  if (celery !== undefined) targets.push(members("python", pythons, 70), children("pythonChild", pythons, 15));
  if (server !== undefined && shootsBroker) targets.push(broker(server, 5));
  if (server !== undefined && cutsConnections) targets.push(connections(server, 1_000));
  return targets;
}

interface Fleet {
  readonly workers: Pack;
  readonly pythons: Pack;
  readonly producers: Pack;
}

async function statesOf(app: Celeriac, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const backend = await app.resultBackend();
  const states = new Map<string, string>();
  for (let start = 0; start < ids.length; start += IDS_AT_ONCE) {
    const metas = await backend.fetch(ids.slice(start, start + IDS_AT_ONCE));
    for (const [id, { state }] of metas) states.set(id, state);
  }
  return states;
}

function together(...verdicts: readonly Verdict[]): Verdict {
  return {
    counts: Object.assign({}, ...verdicts.map(({ counts }) => counts)) as Verdict["counts"],
    broken: verdicts.flatMap(({ broken }) => broken),
  };
}

/** A worker that is killed at one point of a chord's end: `chord-worker.ts URL POINT`, with a URL as an app takes it. */
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";
import type { Adapter } from "../../src/adapters/adapter.ts";
import type { ChordCounters } from "../../src/backend/chords.ts";
import { placeAt } from "./shared-places.ts";

export const MORTAL_POINTS = ["before joining", "before sending", "before ending", "before acknowledging"] as const;
export type MortalPoint = (typeof MORTAL_POINTS)[number];

/** How long a message stays with a worker that died, in seconds. */
export const LEASE_TIMEOUT = 1;

/** The same place, where all tasks but those of chords go well. */
function deadlyPlace(url: string, point: MortalPoint): Adapter {
  const place = placeAt(url);
  const { createResultBackend } = place;
  if (createResultBackend === undefined) throw new Error("absent");
  return {
    ...place,
    createResultBackend: (options) => {
      const backend = createResultBackend(options);
      return Object.defineProperty(backend, "chords", { value: mortal(backend.chords, point) });
    },
  };
}

function mortal(chords: ChordCounters, point: MortalPoint): ChordCounters {
  return {
    begin: (plans) => chords.begin(plans),
    watch: (chordId, deadline) => chords.watch(chordId, deadline),
    grow: (chordId, taskIds) => chords.grow(chordId, taskIds),
    takeOverdue: (options) => chords.takeOverdue(options),
    join: async (member, outcome) => {
      if (point === "before joining") await die();
      const joined = await chords.join(member, outcome);
      if (point === "before sending") await die();
      return joined;
    },
    end: async (member, how) => {
      if (point === "before ending") await die();
      await chords.end(member, how);
      if (point === "before acknowledging") await die();
    },
  };
}

function die(): Promise<never> {
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => undefined);
}

const [url, point] = process.argv.slice(2);
if (url !== undefined && process.send !== undefined && MORTAL_POINTS.some((known) => known === point)) {
  const place = deadlyPlace(url, point as MortalPoint);
  const brokerTransportOptions = { leaseTimeout: LEASE_TIMEOUT };
  const app = new Celeriac({ broker: place, resultBackend: place, brokerTransportOptions }, { env: {} });
  app.task("double", (n: number) => n * 2);
  await new Worker(app, { concurrency: 1 }).start();
}

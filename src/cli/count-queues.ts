import type { Celeriac } from "../app/celeriac.ts";
import type { QueueDepth } from "../broker/broker.ts";
import { pauseJson, type PauseJson } from "./describe-pause.ts";
import { knownQueues } from "./known-queues.ts";

/** Null is what the broker cannot tell. */
export interface QueueLine {
  readonly name: string;
  readonly ready: number;
  readonly delayed: number | null;
  readonly unacked: number | null;
  readonly consumers: number | null;
  /** Null for one that is not. */
  readonly paused: PauseJson | null;
}

/** Every queue that the broker has, and the app's own even before they are used. Rejects with BrokerUnavailableError. */
export async function countQueues(app: Celeriac): Promise<readonly QueueLine[]> {
  const broker = await app.broker();
  const names = await knownQueues(app);
  const pauses = await app.pauses.read(names);
  return Promise.all(
    names.map(async (name) => {
      const { ready, delayed, unacked, consumers } = (await broker.inspect(name)) ?? NOT_USED_YET;
      const pause = pauses.get(name);
      const paused = pause === undefined ? null : pauseJson(pause);
      return {
        ...{ name, ready },
        ...{ delayed: delayed ?? null, unacked: unacked ?? null, consumers: consumers ?? null },
        paused,
      };
    }),
  );
}

const NOT_USED_YET: QueueDepth = { ready: 0, delayed: 0, unacked: 0, consumers: 0 };

import { join } from "node:path";
import type { Broker } from "../src/broker/broker.ts";

/** The queue of all calls. */
export const QUEUE = "celery";

/** What a hunt takes place on: a broker with its results, and what an outsider sees of it. */
export interface Place extends AsyncDisposable {
  /** Of broker and results. */
  readonly url: string;
  /** The broker's own process, where it has one. */
  readonly server?: Server;
  /** Messages that wait, are delayed, or are in anybody's hands. `broker` is connected to this place. */
  messages(broker: Broker): Promise<number>;
  /** Puts what tells of the hunt into the directory, where it is not there already. */
  keep(directory: string): Promise<void>;
}

/** A broker that is a process of its own, and can be shot at. */
export interface Server {
  readonly pid: number;
  /** After it was killed: on the same port, with what the disk has. Resolves when it answers. */
  restart(): Promise<void>;
  /** Closes one of the connections of others: the first for 0, the last for almost 1. False where there is none, or nobody to be asked. */
  cut(which: number): Promise<boolean>;
  keys(): Promise<readonly Key[]>;
  /** Connections besides the one that this is asked by. */
  clients(): Promise<number>;
}

export interface Key {
  readonly name: string;
  readonly isExpiring: boolean;
}

/** A file in a directory. */
export function sqlitePlace(directory: string): Place {
  return {
    url: `sqlite:${join(directory, "hunt.db")}`,
    messages: async (broker) => {
      const depth = await broker.inspect(QUEUE);
      return depth === undefined ? NaN : depth.ready + (depth.delayed ?? 0) + (depth.unacked ?? 0);
    },
    keep: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

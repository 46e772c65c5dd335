/** What a measurement gives, by the names that its scenario lists. */
export type Figures = Readonly<Record<string, number>>;

/** One who is measured. What it has no measurement for is left out. */
export interface Contender {
  readonly name: string;
  /** What this machine lacks for it, if anything. */
  readonly lacks?: () => string | undefined | Promise<string | undefined>;
  readonly measurements: { readonly [Kind in keyof Loads]?: (place: Place, load: Loads[Kind]) => Promise<Figures> };
}

/** Where one measurement takes place: nothing is in it before. */
export interface Place {
  readonly directory: string;
  /** Of a Redis on the loopback; absent where none can be started. */
  readonly redisPort?: number;
  /** Of a virtual host of a RabbitMQ; absent where none can be started. */
  readonly rabbitMqUrl?: string;
  /** Of a Postgres with Celeriac's tables, all empty; absent where none can be started. */
  readonly postgresUrl?: string;
}

/** What can be measured, by kind, with what it is told. */
export interface Loads {
  /** Gives `rate`, and on Redis what the server had to do for each, as `Tally`. */
  readonly send: SendLoad;
  /** Gives the same. */
  readonly sendBatches: SendBatchesLoad;
  /** Gives `rate`, of a worker process `cpu`, in microseconds a task, and `memory`, in MiB, and on Redis what the server had to do for each, as `Tally`. */
  readonly drain: DrainLoad;
  /** Gives the quantiles `p50`, `p95` and `p99` of the time from a send in one process to the start of the task in another, in milliseconds. */
  readonly idleLatency: { readonly samples: number };
  /** What a monitor that does nothing else reads of what workers tell: gives `rate`, in events a second. */
  readonly hear: { readonly events: number };
  /** With so many waiting: gives the rate of sending more, `send`, and of doing the first `drained`, `drain`. */
  readonly growth: { readonly waiting: number; readonly drained: number };
  /** Gives `waiting`, in bytes for each of them, and `after`, in MiB once they are done and `restMs` have passed. */
  readonly room: { readonly waiting: number; readonly restMs: number };
  /** All due at one instant, so much after they are sent, for a worker that is idle by then: gives `first`, how late the first starts, in ms, and `rate`. */
  readonly delayed: DelayedLoad;
  /** Results that are written as a worker does: each by itself, with so many under way at once. Gives `rate`. */
  readonly store: StoreLoad;
  /** Results that are read, so many in one question: gives `rate`. */
  readonly fetch: { readonly count: number; readonly size: number };
  /** Gives the quantiles of the time from before a result is written in one process to when another that waits for it has it, in milliseconds. */
  readonly told: { readonly samples: number };
}

export interface StoreLoad {
  readonly count: number;
  readonly inFlight: number;
}

export interface SendLoad {
  readonly count: number;
  /** How many are under way at once; raw contenders write as many in a transaction. */
  readonly inFlight: number;
  /** Whether the results are wanted. @default true */
  readonly keepsResults?: boolean;
  readonly synchronous?: Synchronous;
}

export interface SendBatchesLoad {
  readonly count: number;
  readonly size: number;
}

export interface DrainLoad {
  readonly waiting: number;
  readonly concurrency: number;
  readonly keepsResults: boolean;
  /** Whether every step of every task is told to whoever listens. BullMQ and bee-queue do so always, but for what is not kept. @default false */
  readonly tellsEvents?: boolean;
  readonly synchronous?: Synchronous;
}

export interface DelayedLoad {
  readonly count: number;
  readonly delayMs: number;
}

/** How SQLite commits results, and sends. @default "full" */
export type Synchronous = "full" | "normal";

/** 101 bytes as JSON. */
export const ARGUMENT: string = "x".repeat(99);

/** What a measurement gives, by the names that its scenario lists. */
export type Figures = Readonly<Record<string, number>>;

/** One who is measured. What it has no measurement for is left out. */
export interface Contender {
  readonly name: string;
  readonly measurements: { readonly [Kind in keyof Loads]?: (place: Place, load: Loads[Kind]) => Promise<Figures> };
}

/** Where one measurement takes place: afresh, in a directory that is empty before and removed afterwards. */
export interface Place {
  readonly directory: string;
}

/** What can be measured, by kind, with what it is told. */
export interface Loads {
  /** Gives `rate`. */
  readonly send: SendLoad;
  /** Gives `rate`. */
  readonly sendBatches: { readonly count: number; readonly size: number };
  /** Gives `rate`, and of a worker process `cpu`, in microseconds a task, and `memory`, in MiB. */
  readonly drain: DrainLoad;
  /** Gives the quantiles `p50`, `p95` and `p99` of the time from a send in one process to the start of the task in another, in milliseconds. */
  readonly idleLatency: { readonly samples: number };
  /** With so many waiting: gives the rate of sending more, `send`, and of doing the first `drained`, `drain`. */
  readonly growth: { readonly waiting: number; readonly drained: number };
  /** Gives `waiting`, in bytes for each of them, and `after`, in MiB once they are done and `restMs` have passed. */
  readonly room: { readonly waiting: number; readonly restMs: number };
}

export interface SendLoad {
  readonly count: number;
  /** How many are under way at once; raw contenders write as many in a transaction. */
  readonly inFlight: number;
  readonly synchronous: "full" | "normal";
}

export interface DrainLoad {
  readonly waiting: number;
  readonly concurrency: number;
  readonly results: Results;
}

/** Whether results are kept, and how SQLite commits them. */
export type Results = "none" | "full" | "normal";

/** 101 bytes as JSON. */
export const ARGUMENT: string = "x".repeat(99);

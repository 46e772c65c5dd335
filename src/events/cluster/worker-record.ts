import type { EventFields } from "./task-record.ts";
import { isDict } from "../../message/fields.ts";
import { COUNTED_ANEW, numberIn, textIn } from "./wire-values.ts";

/**
 * `up`, or as it says itself `busy` or `wedged`, as the command `liveness` has it; `gone` when it has said that it ends, or was silent for twice the time between
 * its heartbeats.
 */
export type WorkerState = "up" | "busy" | "wedged" | "gone";

/** What is known of a worker. What it did not tell is undefined. Times are in seconds since the Unix epoch. */
export interface WorkerInfo {
  /** Node name. */
  readonly hostname: string;
  readonly pid: number | undefined;
  readonly state: WorkerState;
  /** Since when it is in that state; of one that went without a word, when it was last heard. */
  readonly since: number;
  /** Name of the task that holds it up, where it says so. */
  readonly task: string | undefined;
  /** Of one that is gone, whether it said so. One that did not has died, or cannot be heard. */
  readonly saidGoodbye: boolean;
  /** Seconds between its heartbeats. */
  readonly freq: number;
  /** When the last four signs of life arrived here, oldest first. */
  readonly heartbeats: readonly number[];
  /** Lamport clock of the last. */
  readonly clock: number;
  /** Tasks that run. */
  readonly active: number | undefined;
  /** Tasks that were begun in this life of it. */
  readonly processed: number | undefined;
  /** Of the last minute, 5 and 15 minutes. */
  readonly loadavg: readonly number[];
  /** `celeriac`, or `py-celery`. */
  readonly swIdent: string | undefined;
  readonly swVer: string | undefined;
  /** `Linux`, `Darwin` or `Windows`. */
  readonly swSys: string | undefined;
}

/** Of a worker that did not say. Celery: `celery/events/state.py:Worker`. */
const DEFAULT_FREQ = 60;
/** So many times that long is a worker silent before it counts as gone. Celery: `celery/events/state.py:HEARTBEAT_EXPIRE_WINDOW`. */
const PATIENCE = 2;
const MAX_HEARTBEATS = 4;
const MAX_LOADAVG = 3;
const REPORTED_STATES: ReadonlySet<unknown> = new Set(["up", "busy", "wedged"] satisfies readonly WorkerState[]);

/** A worker that is known by its name. A process that comes after another under the same name is a new life, of which nothing is known at first. */
export class WorkerRecord {
  readonly #hostname: string;
  #life: Life;

  constructor(hostname: string) {
    this.#hostname = hostname;
    this.#life = new Life();
  }

  /** Of a task: the worker lives, and that is all. */
  hearOfTask({ local_received: at, clock }: EventFields): void {
    if (this.#life.goodbye === undefined) this.#life.hearSign(at, clock);
  }

  /** `kind` is the event's type without `worker-`. What comes late from a former life, or after a goodbye, changes nothing. */
  hear(kind: string, event: EventFields): void {
    const pid = event.pid === 0 ? this.#life.pid : event.pid;
    if (this.#life.pid !== undefined && pid !== this.#life.pid) {
      if (kind === "offline" || event.timestamp < this.#life.begun) return;
      this.#life = new Life();
    }
    this.#life.pid = pid;
    this.#life.hear(kind, event);
  }

  info(now: number): WorkerInfo {
    const { state, since, goodbye, ...told } = this.#life.told(now);
    return { hostname: this.#hostname, ...told, state, since, saidGoodbye: goodbye };
  }
}

/** What one process told. */
class Life {
  pid: number | undefined = undefined;
  /** By the worker's clock, when it told of itself first. */
  begun = Infinity;
  goodbye: { readonly clock: number; readonly timestamp: number; readonly at: number } | undefined = undefined;
  #freq = DEFAULT_FREQ;
  #heartbeats: number[] = [];
  #clock = 0;
  /** Since when it is not silent. */
  #upSince = 0;
  #reported: { readonly state: WorkerState; readonly since: number | undefined } = { state: "up", since: undefined };
  #task: string | undefined;
  #active: number | undefined;
  #processed: number | undefined;
  #loadavg: readonly number[] = [];
  #swIdent: string | undefined;
  #swVer: string | undefined;
  #swSys: string | undefined;

  hearSign(at: number, clock: number): void {
    if (this.goodbye !== undefined || !this.#isHeardAt(at)) this.#upSince = at;
    this.goodbye = undefined;
    if (this.#heartbeats.push(at) > MAX_HEARTBEATS) this.#heartbeats.shift();
    this.#clock = Math.max(this.#clock, clock);
  }

  hear(kind: string, event: EventFields): void {
    const { clock, timestamp, local_received: at } = event;
    this.begun = Math.min(this.begun, event.timestamp);
    if (kind === "offline") this.goodbye = { clock, timestamp, at };
    else if (
      this.goodbye === undefined ||
      clock > this.goodbye.clock ||
      timestamp > this.goodbye.timestamp + COUNTED_ANEW
    ) {
      this.hearSign(at, clock);
      this.#hearState(event);
    }
    this.#hearFigures(event);
  }

  told(now: number): Omit<WorkerInfo, "hostname" | "saidGoodbye"> & { readonly goodbye: boolean } {
    const isHere = this.goodbye === undefined && this.#isHeardAt(now);
    const last = this.#heartbeats.at(-1) ?? 0;
    return {
      pid: this.pid,
      state: isHere ? this.#reported.state : "gone",
      since: isHere ? (this.#reported.since ?? this.#upSince) : (this.goodbye?.at ?? last),
      task: this.#task,
      goodbye: this.goodbye !== undefined,
      freq: this.#freq,
      heartbeats: [...this.#heartbeats],
      clock: this.#clock,
      active: this.#active,
      processed: this.#processed,
      loadavg: this.#loadavg,
      swIdent: this.#swIdent,
      swVer: this.#swVer,
      swSys: this.#swSys,
    };
  }

  /** Celery: `celery/events/state.py:heartbeat_expires`. */
  #isHeardAt(now: number): boolean {
    const last = this.#heartbeats.at(-1);
    return last !== undefined && now < last + this.#freq * PATIENCE;
  }

  /** Celery's workers say nothing of it. */
  #hearState(event: EventFields): void {
    const { liveness } = event as { readonly liveness?: unknown };
    const { state, since, task } = isDict(liveness) ? liveness : {};
    const known = this.#reported;
    const next = REPORTED_STATES.has(state) ? (state as WorkerState) : "up";
    const begun = next === known.state ? known.since : next === "up" ? undefined : event.timestamp;
    this.#reported = { state: next, since: numberIn(since) ?? begun };
    this.#task = isDict(task) ? textIn(task["name"]) : undefined;
  }

  #hearFigures(event: EventFields): void {
    const freq = numberIn(event["freq"]);
    if (freq !== undefined && freq > 0) this.#freq = freq;
    this.#active = numberIn(event["active"]) ?? this.#active;
    this.#processed = numberIn(event["processed"]) ?? this.#processed;
    const { loadavg } = event as { readonly loadavg?: unknown };
    if (Array.isArray(loadavg)) this.#loadavg = loadavg.slice(0, MAX_LOADAVG).filter(isNumber);
    this.#swIdent = textIn(event["sw_ident"]) ?? this.#swIdent;
    this.#swVer = textIn(event["sw_ver"]) ?? this.#swVer;
    this.#swSys = textIn(event["sw_sys"]) ?? this.#swSys;
  }
}

function isNumber(value: unknown): value is number {
  return numberIn(value) !== undefined;
}

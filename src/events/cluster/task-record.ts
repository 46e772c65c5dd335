import type { Link } from "../../util/chain.ts";
import type { ReceivedEvent } from "../event-receiver.ts";
import { hasEnded, isTaskMoment, precedence, stateTold } from "./task-states.ts";
import { COUNTED_ANEW, numberIn, shortened, textIn } from "./wire-values.ts";

/** What events told of a task, as Celery and Flower have it. What no event told is undefined. Times are in seconds since the Unix epoch, by the clock of the sender. */
export interface TaskInfo {
  /** The task's id. */
  readonly uuid: string;
  readonly name: string | undefined;
  /** `PENDING`, `RECEIVED`, `STARTED`, `SUCCESS`, `FAILURE`, `RETRY`, `REVOKED`, `REJECTED`, or of an event of another type its name: `CANCELLED`. */
  readonly state: string;
  /** When it was last sent, received and so on. */
  readonly sent: number | undefined;
  readonly received: number | undefined;
  readonly started: number | undefined;
  readonly succeeded: number | undefined;
  readonly failed: number | undefined;
  readonly retried: number | undefined;
  readonly revoked: number | undefined;
  readonly rejected: number | undefined;
  /** As Python prints them. */
  readonly args: string | undefined;
  readonly kwargs: string | undefined;
  /** ISO 8601. */
  readonly eta: string | undefined;
  /** ISO 8601. */
  readonly expires: string | undefined;
  readonly retries: number | undefined;
  /** Node name of the worker that told the state. */
  readonly worker: string | undefined;
  /** As Python prints it. */
  readonly result: string | undefined;
  /** As Python prints it: `ValueError('no')`. Also of a run before the last. */
  readonly exception: string | undefined;
  readonly traceback: string | undefined;
  /** How long the run that succeeded took, in seconds. */
  readonly runtime: number | undefined;
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  readonly rootId: string | undefined;
  readonly parentId: string | undefined;
  /** Ids of the tasks that it called, of those that are known. */
  readonly children: readonly string[];
  /** Node name of the producer that sent it. */
  readonly client: string | undefined;
  /** Lamport clock and time of the event that told the state. */
  readonly clock: number;
  readonly timestamp: number | undefined;
}

/** An event whose fields nobody has checked. */
export type EventFields = Readonly<Record<string, unknown>> &
  Pick<ReceivedEvent, "type" | "hostname" | "pid" | "clock" | "timestamp" | "local_received">;

/** What a later event tells is better known than what is known already; a late one only fills gaps. */
type Better = <T>(known: T | undefined, told: T | undefined) => T | undefined;

const laterIsBetter: Better = (known, told) => told ?? known;
const knownIsBetter: Better = (known, told) => known ?? told;

/** A task that is kept. All fields are there from the beginning, so that all records have one shape. */
export class TaskRecord implements Link<TaskRecord> {
  readonly uuid: string;
  state = "PENDING";
  name: string | undefined = undefined;
  sent: number | undefined = undefined;
  received: number | undefined = undefined;
  started: number | undefined = undefined;
  succeeded: number | undefined = undefined;
  failed: number | undefined = undefined;
  retried: number | undefined = undefined;
  revoked: number | undefined = undefined;
  rejected: number | undefined = undefined;
  args: string | undefined = undefined;
  kwargs: string | undefined = undefined;
  eta: string | undefined = undefined;
  expires: string | undefined = undefined;
  retries: number | undefined = undefined;
  worker: string | undefined = undefined;
  result: string | undefined = undefined;
  exception: string | undefined = undefined;
  traceback: string | undefined = undefined;
  runtime: number | undefined = undefined;
  exchange: string | undefined = undefined;
  routingKey: string | undefined = undefined;
  rootId: string | undefined = undefined;
  parentId: string | undefined = undefined;
  client: string | undefined = undefined;
  clock = 0;
  timestamp: number | undefined = undefined;
  /** Of the process that told the state. */
  pid = 0;
  /** Whether its table has it still. */
  isKept = true;
  previous: TaskRecord | undefined = undefined;
  next: TaskRecord | undefined = undefined;

  constructor(uuid: string) {
    this.uuid = uuid;
  }

  /** `kind` is the event's type without `task-`. */
  hear(kind: string, event: EventFields): void {
    const state = stateTold(kind);
    const isLate = this.#isLate(state, event);
    if (isTaskMoment(kind)) this[kind] = Math.max(this[kind] ?? 0, event.timestamp);
    if (kind === "sent") this.client = this.#known(event.hostname);
    else if (!isLate || this.worker === undefined) this.worker = this.#known(event.hostname);
    if (!isLate) {
      this.state = state === this.state ? this.state : shortened(state);
      this.timestamp = event.timestamp;
      this.clock = event.clock;
      this.pid = event.pid;
    }
    const better = isLate ? knownIsBetter : laterIsBetter;
    if (kind === "sent" || kind === "received" || kind === "started") this.#hearCall(event, better);
    else this.#hearOutcome(event, better);
  }

  /** A copy that does not change. */
  info(children: readonly string[]): TaskInfo {
    const { pid: _pid, isKept: _isKept, previous: _previous, next: _next, ...told } = this;
    return { ...told, children };
  }

  /**
   * Whether what an event tells was over when the task came into its state. Nearer to its end is later, as Celery has it; where a task may go back, to be
   * run again, clocks tell. Celery: `celery/events/state.py:Task.event`, which takes every retry for the last that was done.
   */
  #isLate(state: string, event: EventFields): boolean {
    const goesBack = precedence(state) > precedence(this.state);
    if (hasEnded(this.state) || hasEnded(state) || state === "PENDING") return goesBack;
    return goesBack || this.state === "RETRY" ? !this.#isAfter(event) : false;
  }

  /** Lamport clocks of two processes may never have met, and in containers all have the same pid: then the time has to do. */
  #isAfter({ hostname, pid, clock, timestamp }: EventFields): boolean {
    const last = this.timestamp ?? 0;
    const isSameProcess = hostname === this.worker && pid === this.pid && timestamp < last + COUNTED_ANEW;
    if (isSameProcess && clock !== this.clock) return clock > this.clock;
    return timestamp >= last;
  }

  #hearCall(event: EventFields, better: Better): void {
    this.name = better(this.name, textIn(event["name"]));
    this.args = better(this.args, textIn(event["args"]));
    this.kwargs = better(this.kwargs, textIn(event["kwargs"]));
    this.eta = better(this.eta, textIn(event["eta"]));
    this.expires = better(this.expires, textIn(event["expires"]));
    this.retries = better(this.retries, numberIn(event["retries"]));
    this.exchange = better(this.exchange, textIn(event["exchange"]));
    this.routingKey = better(this.routingKey, textIn(event["routing_key"]));
    this.rootId = better(this.rootId, this.#known(textIn(event["root_id"])));
    this.parentId = better(this.parentId, textIn(event["parent_id"]));
  }

  #hearOutcome(event: EventFields, better: Better): void {
    this.result = better(this.result, textIn(event["result"]));
    this.runtime = better(this.runtime, numberIn(event["runtime"]));
    this.exception = better(this.exception, textIn(event["exception"]));
    this.traceback = better(this.traceback, textIn(event["traceback"]));
  }

  /** One copy of a text is enough: most tasks are their own root, and tell of one worker. */
  #known<T extends string | undefined>(text: T): T {
    if (text === this.uuid) return this.uuid as T;
    return text === this.worker ? (this.worker as T) : text;
  }
}

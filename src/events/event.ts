/** What every event tells, in the order of the wire; an event's own fields stand behind `clock`. Celery: `celery/events/dispatcher.py:EventDispatcher`. */
export interface CommonEventFields {
  /** Node name of the sender: `celeriac@host` of a worker, `gen<pid>@host` of a producer. */
  readonly hostname: string;
  /** How far the sender's time zone is west of UTC, in hours. `timestamp` does not depend on it. */
  readonly utcoffset: number;
  readonly pid: number;
  /** The sender's Lamport clock, which puts events of several nodes in order. */
  readonly clock: number;
  /** Seconds since the Unix epoch. */
  readonly timestamp: number;
}

/** The own fields of each event that Celery knows, in the order of the wire. */
export interface EventFields {
  /** By a producer that has `taskSendSentEvent` on. */
  readonly "task-sent": TaskCallFields & {
    /** Null where an exchange chooses the queues. */
    readonly queue: string | null;
    readonly exchange: string;
    readonly routing_key: string;
  };
  readonly "task-received": TaskCallFields;
  readonly "task-started": TaskIdField;
  readonly "task-succeeded": TaskIdField & {
    /** As Python prints it, cut to some thousand characters. */
    readonly result: string;
    /** Seconds; null where the worker does not know. */
    readonly runtime: number | null;
  };
  readonly "task-failed": TaskIdField & TaskErrorFields;
  readonly "task-retried": TaskIdField & TaskErrorFields;
  readonly "task-revoked": TaskIdField & {
    /** Whether its run was ended. */
    readonly terminated: boolean;
    /** The signal that ended it. */
    readonly signum: number | string | null;
    readonly expired: boolean;
  };
  readonly "task-rejected": TaskIdField & {
    readonly requeue: boolean;
  };
  /** Its run was given up, and it runs again elsewhere. */
  readonly "task-cancelled": TaskIdField;
  readonly "worker-online": WorkerFields;
  readonly "worker-heartbeat": WorkerFields;
  readonly "worker-offline": WorkerFields;
  readonly "worker-elect": {
    readonly id: string;
    readonly topic: string;
    readonly action: unknown;
    readonly cver: number;
  };
  readonly "worker-elect-ack": {
    readonly id: string;
  };
}

export type EventType = keyof EventFields;

/** Of those that a worker tells of its tasks: thousands a second. */
export type ListedEventType = Exclude<Extract<EventType, `task-${string}`>, "task-sent">;

export function isListed(type: EventType): type is ListedEventType {
  return type.startsWith("task-") && type !== "task-sent";
}

export interface TaskIdField {
  /** The task's id. */
  readonly uuid: string;
}

export interface TaskCallFields extends TaskIdField {
  readonly root_id: string | null;
  readonly parent_id: string | null;
  readonly name: string;
  /** As Python prints them. */
  readonly args: string;
  readonly kwargs: string;
  readonly retries: number;
  /** ISO 8601. */
  readonly eta: string | null;
  /** ISO 8601. */
  readonly expires: string | null;
}

export interface TaskErrorFields {
  /** As Python prints it: `ValueError('no')`. */
  readonly exception: string;
  /** Missing where the sender has none. */
  readonly traceback?: string | null;
}

export interface WorkerFields {
  /** Seconds between heartbeats: a worker that is silent for twice as long counts as gone. */
  readonly freq: number;
  /** Tasks that run. */
  readonly active: number;
  /** Tasks that were begun so far. */
  readonly processed: number;
  /** Of the last minute, 5 and 15 minutes. */
  readonly loadavg: readonly number[];
  /** `celeriac`, or `py-celery`. */
  readonly sw_ident: string;
  readonly sw_ver: string;
  /** `Linux`, `Darwin` or `Windows`. */
  readonly sw_sys: string;
  /** Only of a worker of ours: what the remote control command `liveness` answers. */
  readonly liveness?: Readonly<Record<string, unknown>>;
}

/** An event of one type. */
export type EventOf<T extends EventType> = CommonEventFields & EventFields[T] & { readonly type: T };

/** Of a type that Celery does not know: a task's own, or a later version's. */
export interface OtherEvent extends CommonEventFields {
  readonly type: OtherEventType;
  readonly [field: string]: unknown;
}

/** Stands for any text but the types above. A literal type, or comparing `type` with one of those would not tell the compiler the fields. */
export type OtherEventType = "(any other type)";

/** What a node tells of itself or of a task, on the exchange `celeryev`. `type` tells the other fields, which are as the sender wrote them. */
export type CeleryEvent = { [T in EventType]: EventOf<T> }[EventType] | OtherEvent;

/** A task call, decoded: what producer and worker both speak of. Celery: `celery/app/task.py:Context`. */
export interface TaskRequest {
  readonly id: string;
  /** Registered name of the task to run. */
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Id of the first task of the family; the task's own id when it started the family. */
  readonly rootId: string;
  /** Id of the task that sent this one. */
  readonly parentId: string | null;
  /** Id of the group that the task is a member of, and its place in it. */
  readonly groupId: string | null;
  readonly groupIndex: number | null;
  /** Name shown in logs and events in place of `task`. */
  readonly shadow: string | null;
  /** Not to be started before. UTC. */
  readonly eta: Date | null;
  /** Not to be started after. UTC. */
  readonly expires: Date | null;
  /** How often the task has been retried so far. */
  readonly retries: number;
  readonly timeLimit: TimeLimit;
  /** Arguments as Python would print them, cut to a bound. Shown by monitors that cannot decode the body. */
  readonly argsRepr: string;
  readonly kwargsRepr: string;
  /** `gen<pid>@<host>` of the producer. */
  readonly origin: string;
  /** Whether no result is to be stored; null where the task says so itself. */
  readonly ignoreResult: boolean | null;
  readonly replacedTaskNesting: number;
  /** Stamps by name; Celery 5.3's canvas stamping. */
  readonly stamps: Readonly<Record<string, unknown>>;
  /** The caller's own headers. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly replyTo: string | null;
  readonly priority: number | null;
  readonly followUps: FollowUps;
}

/** What makes a call a member of a group, and of a chord. On the wire: a signature's options `group_id`, `group_index` and `chord`. */
export interface Membership {
  readonly groupId: string;
  /** Its place in the group; null where its sender gave it none. */
  readonly groupIndex: number | null;
  /** The chord's body. */
  readonly chord: SignatureDict | null;
}

/** Both in milliseconds, null for none. On the wire: `timelimit: [hard, soft]` in seconds. */
export interface TimeLimit {
  readonly softMs: number | null;
  readonly hardMs: number | null;
}

/** What is to be sent when the task has ended. On the wire: the third element of the body. */
export interface FollowUps {
  /** Sent with the result when the task succeeds. */
  readonly callbacks: readonly SignatureDict[];
  /** Sent with the failed task's id when it fails. */
  readonly errbacks: readonly SignatureDict[];
  /** The rest of the chain, next step LAST, as on the wire. */
  readonly chain: readonly SignatureDict[];
  readonly chord: SignatureDict | null;
}

export const NO_FOLLOW_UPS: FollowUps = { callbacks: [], errbacks: [], chain: [], chord: null };

/** A task call that is not sent yet, in Celery's JSON form. Celery: `celery/canvas.py:Signature`. */
export interface SignatureDict {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** Celery's `apply_async` options by their Python names: `task_id`, `queue`, `countdown`, `priority` … */
  readonly options: Readonly<Record<string, unknown>>;
  /** `group`, `chain`, `chord` … for a composition; null for a single task. */
  readonly subtask_type: string | null;
  /** An immutable signature does not get the result of the task before it. */
  readonly immutable: boolean;
}

/** Event → the state that it puts a task into. Celery: `celery/events/state.py:TASK_EVENT_TO_STATE`. */
const STATES_TOLD = {
  sent: "PENDING",
  received: "RECEIVED",
  started: "STARTED",
  succeeded: "SUCCESS",
  failed: "FAILURE",
  retried: "RETRY",
  revoked: "REVOKED",
  rejected: "REJECTED",
} as const;

/** The events of tasks whose times are kept, without their `task-`. */
export type TaskMoment = keyof typeof STATES_TOLD;

export const TASK_MOMENTS: readonly TaskMoment[] = Object.keys(STATES_TOLD) as readonly TaskMoment[];

export function isTaskMoment(kind: string): kind is TaskMoment {
  return Object.hasOwn(STATES_TOLD, kind);
}

/** The state that an event tells, `received` or any other; of one that Celery does not know, its name in capitals. */
export function stateTold(kind: string): string {
  return isTaskMoment(kind) ? STATES_TOLD[kind] : kind.toUpperCase();
}

/** Those further down come before those above them, whatever order they arrive in. Celery: `celery/states.py:PRECEDENCE`. */
const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  ["SUCCESS", 0],
  ["FAILURE", 1],
  ["REVOKED", 3],
  ["STARTED", 4],
  ["RECEIVED", 5],
  ["REJECTED", 6],
  ["RETRY", 7],
  ["PENDING", 8],
]);
/** Of states that Celery does not know. */
const OWN_PRECEDENCE = 2;

/** How far a state is from the end; 0 is SUCCESS. */
export function precedence(state: string): number {
  return PRECEDENCE.get(state) ?? OWN_PRECEDENCE;
}

/** Whether no worker will do anything more for the task. */
export function hasEnded(state: string): boolean {
  return state === "SUCCESS" || state === "FAILURE" || state === "REVOKED";
}

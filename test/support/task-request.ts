import { NO_FOLLOW_UPS } from "../../src/message/task-request.ts";
import type { TaskRequest } from "../../src/message/task-request.ts";

export const TASK_ID = "11111111-2222-4333-8444-555555555555";

/** A small call with nothing special about it, changed as told. */
export function taskRequest(changes: Partial<TaskRequest> = {}): TaskRequest {
  return {
    id: TASK_ID,
    task: "golden.add",
    args: [],
    kwargs: {},
    rootId: TASK_ID,
    parentId: null,
    groupId: null,
    groupIndex: null,
    shadow: null,
    eta: null,
    expires: null,
    retries: 0,
    timeLimit: { softMs: null, hardMs: null },
    argsRepr: "()",
    kwargsRepr: "{}",
    origin: "gen4711@golden",
    ignoreResult: false,
    replacedTaskNesting: 0,
    stamps: {},
    headers: {},
    replyTo: "99999999-8888-4777-8666-555555555555",
    priority: 0,
    followUps: NO_FOLLOW_UPS,
    ...changes,
  };
}

import type { SignatureDict } from "../../src/message/task-request.ts";

/** A task's call in Celery's JSON form. */
export function taskDict(name: string, options: SignatureDict["options"] = {}): SignatureDict {
  return { task: name, args: [], kwargs: {}, options, subtask_type: null, immutable: false };
}

import { revokeTasks } from "../../app/revoke.ts";
import type { ArgumentReader } from "../../control/argument-reader.ts";
import { reprSet } from "./repr-set.ts";
import type { Commands } from "./command-table.ts";
import type { OpenParts } from "../parts.ts";
import type { ControlledWorker } from "./controlled-worker.ts";

/**
 * Revocations hold for the whole fleet and outlive this worker, whichever worker heard of them. The signal is Celery's to choose: what runs here is
 * aborted, and killed if it does not end.
 */
export function revocationCommands({ app }: ControlledWorker, parts: OpenParts): Commands {
  const revoke = async (ids: readonly string[], terminate: boolean): Promise<{ readonly ok: string }> => {
    const running = [...parts.running].filter(({ request }) => ids.includes(request.id));
    parts.revokedIds.add(ids); // first: whoever asks next is told of them
    const begun = new Set(running.map(({ taskId }) => taskId));
    const { backend, clock } = parts;
    await revokeTasks(ids, { terminate }, { keys: await app.keys(), backend, now: clock.now(), begun });
    if (!terminate) return { ok: `tasks ${reprSet(ids)} flagged as revoked` };
    for (const task of running) task.end("terminated");
    if (running.length === 0) return { ok: "terminate: tasks unknown" };
    return { ok: `terminate: ${running.map(({ request }) => request.id).join(", ")}` };
  };
  return {
    revoke: (args) => revoke(idsIn(args), args.flag("terminate")),
    terminate: (args) => revoke(idsIn(args), true),
  };
}

function idsIn(args: ArgumentReader): readonly string[] {
  const ids = [...new Set(args.texts("task_id"))];
  if (ids.length === 0) throw new TypeError('the argument "task_id" is missing');
  return ids;
}

import { Reject, type Celeriac, type TaskContext } from "celeriac";
import { nameOf } from "./names.ts";

/** Tasks that tell of their own call, and what becomes of their message. */
export function defineRequests(app: Celeriac): void {
  app.task(nameOf("ids"), { bind: true, params: ["i"] }, (context, i: unknown) => familyOf(context, i));
  app.task(nameOf("collect_ids"), { bind: true, params: ["res", "i"] }, (context, result: unknown, i: unknown) => [
    result,
    familyOf(context, i),
  ]);
  app.task(nameOf("return_priority"), { bind: true }, ({ delivery }, ..._args: readonly unknown[]) => {
    return `Priority: ${String(delivery.priority)}`;
  });
  app.task(nameOf("return_request_eta"), { bind: true }, ({ request }) => request.eta?.toISOString() ?? null);
  app.task(nameOf("return_properties"), { bind: true }, ({ properties }) => ({
    correlation_id: properties.correlationId,
    reply_to: properties.replyTo,
    priority: properties.priority,
    app_id: properties.appId,
  }));
  app.task(nameOf("return_request_time_limits"), { bind: true }, ({ request }) => limitsOf(request.timeLimit));
  const limits = { timeLimitMs: 60_000, softTimeLimitMs: 45_000 };
  app.task(nameOf("task_with_declared_time_limits"), { bind: true, ...limits }, ({ request }) =>
    limitsOf(request.timeLimit),
  );
  app.task(nameOf("soft_time_limit_must_exceed_time_limit"), () => null);
  defineRejections(app);
}

function defineRejections(app: Celeriac): void {
  const late = { bind: true, acksLate: true } as const;
  app.task(nameOf("reject_without_requeue"), () => {
    throw new Reject("rejected");
  });
  app.task(nameOf("reject_then_succeed"), late, ({ delivery }) => {
    if (!delivery.redelivered) throw new Reject("first pass", { requeue: true });
    return "second-pass";
  });
  app.task(nameOf("store_success_then_reject"), late, async ({ id: taskId, delivery }) => {
    if (delivery.redelivered) return "dedup-pass";
    const backend = await app.resultBackend();
    const nothing = { traceback: null, parentId: null, groupId: null, children: [] };
    await backend.store([{ taskId, state: "SUCCESS", result: "first-pass", doneAt: new Date(), ...nothing }]);
    throw new Reject("first pass", { requeue: true });
  });
}

function familyOf({ rootId, parentId }: TaskContext, i: unknown): readonly unknown[] {
  return [rootId, parentId, i];
}

interface Limits {
  readonly softMs: number | null;
  readonly hardMs: number | null;
}

function limitsOf({ softMs, hardMs }: Limits): Readonly<Record<string, number | null>> {
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
  return { time_limit: seconds(hardMs), soft_time_limit: seconds(softMs) };
}

import type { Celeriac, RetryOptions, TaskContext } from "celeriac";
import { ExpectedException, UnpickleableException, ValueError } from "./errors.ts";
import { nameOf } from "./names.ts";

/** Celery's options of a retry, as its tests give them. */
interface WireRetry {
  readonly countdown?: number | null | undefined;
  readonly expires?: number | null | undefined;
  readonly max_retries?: number | undefined;
}

export function defineRetries(app: Celeriac): void {
  defineOnceRetried(app);
  let attempts = 0;
  const bound = { bind: true, retryDelayMs: 1000 } as const;
  app.task(nameOf("retry"), { ...bound, params: ["return_value?"] }, (context, value?: unknown) => {
    if (value !== undefined && attempts >= 3) {
      attempts = 0;
      return value;
    }
    if (value !== undefined) attempts += 1;
    throw context.retry({ error: new ExpectedException(), delayMs: 5000 });
  });
  app.task(
    nameOf("retry_unpickleable"),
    { ...bound, params: ["foo", "bar", "retry_kwargs"] },
    (context, foo: unknown, bar: unknown, options: WireRetry) => {
      throw context.retry({ error: new UnpickleableException(foo, bar), ...retryOptions(options) });
    },
  );
  app.task(
    "auto_retry_class_task",
    { bind: true, autoretryFor: [ValueError], maxRetries: 1, retryBackoffMs: 1000 },
    ({ retries }) => {
      if (retries > 0) return retries;
      throw new ValueError();
    },
  );
}

function defineOnceRetried(app: Celeriac): void {
  const once = { bind: true, maxRetries: 1 } as const;
  const options = ["expires?", "max_retries?", "countdown?"] as const;
  app.task(
    nameOf("retry_once"),
    { ...once, expiresMs: 120_000, params: ["_?", ...options] },
    (context, _?: unknown, expires?: number | null, max_retries?: number, countdown?: number | null) =>
      againUnlessRetried(context, { expires, max_retries, countdown }, ({ retries }) => retries),
  );
  app.task(
    nameOf("retry_once_priority"),
    { ...once, params: ["_?", ...options] },
    (context, _?: unknown, _expires?: unknown, max_retries?: number, countdown?: number) =>
      againUnlessRetried(context, { max_retries, countdown }, ({ delivery }) => delivery.priority),
  );
  app.task(
    nameOf("retry_once_headers"),
    { ...once, params: ["_?", "max_retries?", "countdown?"] },
    (context, _?: unknown, max_retries?: number, countdown?: number) =>
      againUnlessRetried(context, { max_retries, countdown }, ({ headers }) => headers),
  );
  for (const [name, ignoreResult] of [
    ["retry_once_ignore_result", true],
    ["retry_once_with_result", false],
  ] as const)
    app.task(nameOf(name), { bind: true, ignoreResult }, (context) =>
      againUnlessRetried(context, { countdown: 0 }, ({ retries }) => retries),
    );
  defineWithOtherArguments(app);
}

function defineWithOtherArguments(app: Celeriac): void {
  const once = { bind: true, maxRetries: 1 } as const;
  app.task(
    nameOf("retry_with_args_after_kwargs"),
    { ...once, params: ["foo", "bar", "label?"] },
    (context, foo: number, bar: number, label?: unknown) => {
      if (context.retries === 0) throw context.retry({ args: [foo + 1, bar + 1], delayMs: 0 });
      return { foo, bar, label, retries: context.retries, is_eager: false };
    },
  );
  app.task(
    nameOf("retry_with_kwargs_after_args"),
    { ...once, params: ["foo", "bar"] },
    (context, foo: number, bar: number) => {
      if (context.retries === 0) throw context.retry({ kwargs: { foo: foo + 1 }, delayMs: 0 });
      return { foo, bar, retries: context.retries, is_eager: false };
    },
  );
}

function againUnlessRetried<T>(context: TaskContext, options: WireRetry, answer: (context: TaskContext) => T): T {
  if (context.retries > 0) return answer(context);
  const { countdown = 0.1, expires = null, max_retries = 1 } = options;
  throw context.retry(retryOptions({ countdown, expires, max_retries }));
}

/** Of the wire's seconds. */
function retryOptions({ countdown, expires, max_retries: maxRetries }: WireRetry): RetryOptions {
  return {
    ...(typeof countdown === "number" ? { delayMs: countdown * 1000 } : {}),
    ...(expires === undefined ? {} : { expires: expires === null ? null : expires * 1000 }),
    ...(maxRetries === undefined ? {} : { maxRetries }),
  };
}

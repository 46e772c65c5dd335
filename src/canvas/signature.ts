import type { SendOptions } from "../app/send-options.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { optionsFromWire, optionsToWire } from "./signature-options.ts";

/** A task call that is not sent yet. Immutable: `set` gives another. Celery: `celery/canvas.py:Signature`. */
export class Signature<Result = unknown> {
  /** Only for the type checker: what the call's result resolves to. */
  declare readonly "~result": Result;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: SendOptions;
  /** Whether the result of the task before is kept from it. */
  readonly immutable: boolean;

  constructor(call: {
    readonly task: string;
    readonly args?: readonly unknown[];
    readonly kwargs?: Readonly<Record<string, unknown>>;
    readonly options?: SendOptions;
    readonly immutable?: boolean;
  }) {
    this.task = call.task;
    this.args = call.args ?? [];
    this.kwargs = call.kwargs ?? {};
    this.options = call.options ?? {};
    this.immutable = call.immutable ?? false;
  }

  /** The same call with more options. */
  set(options: SendOptions): Signature<Result> {
    const { task, args, kwargs, immutable } = this;
    return new Signature({ task, args, kwargs, options: { ...this.options, ...options }, immutable });
  }

  /** The call with one more argument before its own, as the result of the task before it is given; an immutable call stays as it is. */
  withFirst(argument: unknown): Signature<Result> {
    if (this.immutable) return this;
    const { task, args, kwargs, options } = this;
    return new Signature({ task, args: [argument, ...args], kwargs, options });
  }

  /** Celery's JSON form. Source: `celery/canvas.py:Signature.__init__`. */
  toDict(): SignatureDict {
    const { task, args, kwargs, immutable } = this;
    return { task, args, kwargs, options: optionsToWire(this.options), subtask_type: null, immutable };
  }

  /** The call that a message carries along. Unknown options are left out: they are another version's. */
  static fromDict(dict: SignatureDict): Signature {
    return new Signature({
      task: dict.task,
      args: dict.args,
      kwargs: dict.kwargs,
      options: optionsFromWire(dict.options),
      immutable: dict.immutable,
    });
  }
}

import type { SendOptions } from "../app/send-options.ts";
import type { Membership, SignatureDict } from "../message/task-request.ts";
import { membershipFromWire, membershipToWire, optionsFromWire, optionsToWire } from "./signature-options.ts";

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
  /** Of a call that came with a message. */
  readonly membership: Membership | undefined;

  constructor(call: {
    readonly task: string;
    readonly args?: readonly unknown[];
    readonly kwargs?: Readonly<Record<string, unknown>>;
    readonly options?: SendOptions;
    readonly immutable?: boolean;
    readonly membership?: Membership | undefined;
  }) {
    this.task = call.task;
    this.args = call.args ?? [];
    this.kwargs = call.kwargs ?? {};
    this.options = call.options ?? {};
    this.immutable = call.immutable ?? false;
    this.membership = call.membership;
  }

  /** The same call with more options. */
  set(options: SendOptions): Signature<Result> {
    return this.#with({ options: { ...this.options, ...options } });
  }

  /** The call with one more argument before its own, as the result of the task before it is given; an immutable call stays as it is. */
  withFirst(argument: unknown): Signature<Result> {
    if (this.immutable) return this;
    return this.#with({ args: [argument, ...this.args] });
  }

  /** Celery's JSON form. Source: `celery/canvas.py:Signature.__init__`. */
  toDict(): SignatureDict {
    const { task, args, kwargs, immutable, membership } = this;
    const options = {
      ...optionsToWire(this.options),
      ...(membership === undefined ? {} : membershipToWire(membership)),
    };
    return { task, args, kwargs, options, subtask_type: null, immutable };
  }

  /** The call that a message carries along. Unknown options are left out: they are another version's. Throws UnreadableMessageError. */
  static fromDict(dict: SignatureDict): Signature {
    return new Signature({
      task: dict.task,
      args: dict.args,
      kwargs: dict.kwargs,
      options: optionsFromWire(dict.options),
      immutable: dict.immutable,
      membership: membershipFromWire(dict.options),
    });
  }

  #with(changes: Partial<Pick<Signature, "args" | "options">>): Signature<Result> {
    const { task, args, kwargs, options, immutable, membership } = this;
    return new Signature({ task, args, kwargs, options, immutable, membership, ...changes });
  }
}

import { isDeepStrictEqual } from "node:util";
import type { FollowUp, PublishOptions, SendOptions } from "../app/send-options.ts";
import type { Membership, SignatureDict } from "../message/task-request.ts";
import type { AsyncResult } from "../result/async-result.ts";
import { Canvas, publishOptionsIn } from "./canvas.ts";
import { chainOf, type Chain } from "./chain.ts";
import type { Sender } from "./sender.ts";
import {
  dictOf,
  dictsOf,
  membershipFromWire,
  membershipToWire,
  optionsFromWire,
  optionsToWire,
  otherOptions,
} from "./signature-options.ts";
import { stamped, type StampOptions, type StampingVisitor } from "./stamping.ts";
import type { Stamps } from "./stamps.ts";
import type { AnyCanvas, Fits, ResultOf, SentOf, TakesOf } from "./takes.ts";

/** What a signature is made of. */
interface SignatureParts {
  readonly task: string;
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly options?: SendOptions;
  readonly immutable?: boolean;
  readonly membership?: Membership | undefined;
  /** Celery's options that mean nothing here. */
  readonly others?: Readonly<Record<string, unknown>>;
}

/** A task call that is not sent yet. Celery: `celery/canvas.py:Signature`. */
export class Signature<Result = unknown, Takes extends readonly unknown[] = readonly unknown[]> extends Canvas<
  Result,
  Takes,
  AsyncResult<Result>
> {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: SendOptions;
  /** Whether the result of the task before is kept from it. */
  readonly immutable: boolean;
  /** Of a call that came with a message. */
  readonly membership: Membership | undefined;
  readonly #others: Readonly<Record<string, unknown>> | undefined;

  constructor(call: SignatureParts, sender?: Sender) {
    super(sender);
    this.task = call.task;
    this.args = call.args ?? [];
    this.kwargs = call.kwargs ?? {};
    this.options = call.options ?? {};
    this.immutable = call.immutable ?? false;
    this.membership = call.membership;
    this.#others = call.others;
  }

  /** How often tasks have been replaced on the way to this call. */
  get replacedTaskNesting(): number {
    const nesting = this.#others?.["replaced_task_nesting"];
    return typeof nesting === "number" ? nesting : 0;
  }

  /** Whether it leads a chain, as a call that came with a message may. */
  get isLeading(): boolean {
    return this.#others?.["chain"] !== undefined;
  }

  override get publishing(): PublishOptions {
    return publishOptionsIn(this.options);
  }

  override set(options: SendOptions): this {
    return this.#with({ options: { ...this.options, ...options } });
  }

  override link(callback: FollowUp): this {
    return this.set({ link: withOneMore(this.options.link, callback) });
  }

  override linkError(errback: FollowUp): this {
    return this.set({ linkError: withOneMore(this.options.linkError, errback) });
  }

  override stamp(stamps: Stamps | StampingVisitor, options?: StampOptions): this {
    const { link, linkError, stamps: all } = optionsFromWire(stamped(this.toDict(), stamps, options).options);
    return this.set({
      ...(link === undefined ? {} : { link }),
      ...(linkError === undefined ? {} : { linkError }),
      ...(all === undefined ? {} : { stamps: all }),
    });
  }

  override pipe<This extends AnyCanvas, Next extends AnyCanvas>(
    this: This,
    next: Next & Fits<ResultOf<This>, Next>,
  ): Chain<ResultOf<Next>, TakesOf<This>, SentOf<Next>> {
    return chainOf([this, next]);
  }

  /** The call with one more argument before its own, as the result of the task before it is given; an immutable call stays as it is. */
  withFirst(argument: unknown): this {
    if (this.immutable) return this;
    return this.#with({ args: [argument, ...this.args] });
  }

  /** Source: `celery/canvas.py:Signature.__init__`. */
  override toDict(): SignatureDict {
    const { task, args, kwargs, immutable, membership } = this;
    const options = {
      ...this.#others,
      ...optionsToWire(this.options),
      ...(membership === undefined ? {} : membershipToWire(membership)),
    };
    return { task, args, kwargs, options, subtask_type: null, immutable };
  }

  /** The call that a message carries along. `options` has those that mean something here; the others stay in its JSON form. Throws UnreadableMessageError. */
  static fromDict(dict: SignatureDict): Signature {
    const { task, args, kwargs, immutable } = dict;
    const options = optionsFromWire(dict.options);
    const membership = membershipFromWire(dict.options);
    return new Signature({ task, args, kwargs, options, immutable, membership, others: otherOptions(dict.options) });
  }

  protected override given(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): this {
    if (this.immutable) return this;
    return this.#with({ args: [...args, ...this.args], kwargs: { ...this.kwargs, ...kwargs } });
  }

  #with(changes: Partial<Pick<SignatureParts, "args" | "kwargs" | "options">>): this {
    const { task, args, kwargs, options, immutable, membership } = this;
    const others = this.#others ?? {};
    const parts = { task, args, kwargs, options, immutable, membership, others, ...changes };
    return new Signature(parts, Canvas.senderOf([this])) as this;
  }
}

function withOneMore(there: SendOptions["link"], followUp: FollowUp): readonly SignatureDict[] {
  const [dicts, more] = [dictsOf(there), dictOf(followUp)];
  return dicts.some((dict) => isDeepStrictEqual(dict, more)) ? dicts : [...dicts, more];
}

import type { PublishOptions, FollowUp, SendOptions } from "../app/send-options.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { CanvasError } from "./errors.ts";
import type { Sender } from "./sender.ts";
import type { StampOptions, StampingVisitor } from "./stamping.ts";
import type { Stamps } from "./stamps.ts";
import type { AnyCanvas, AnySent, Fits, ResultOf, SentOf, TakesOf } from "./takes.ts";

/** What `clone` changes: arguments are put before the canvas's own, keywords and options replace those of the same name. */
export type CloneOptions = SendOptions & { readonly kwargs?: Readonly<Record<string, unknown>> };

/** How a canvas is sent: with the arguments that it still needs, or with keywords in their place, which nobody checks here. */
export type CanvasCall<Takes extends readonly unknown[]> = SendOptions &
  (
    | ([] extends Takes ? { readonly args?: Takes } : { readonly args: Takes })
    | { readonly args?: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> }
  );

/**
 * Work that is put together and not sent yet: a task's call, or a chain, group or chord of such. Immutable: what changes it gives another.
 *
 * `Result` is what it gives in the end, `Takes` the arguments that it takes before its own: none where it is complete. `Sent` is what sending it resolves to.
 * Celery: `celery/canvas.py`.
 */
export abstract class Canvas<
  Result = unknown,
  Takes extends readonly unknown[] = readonly unknown[],
  Sent = AnySent,
> implements AnyCanvas {
  /** Only for the type checker. */
  declare readonly "~result": Result;
  /** Only for the type checker. */
  declare readonly "~takes": Takes;
  /** Only for the type checker. */
  declare readonly "~sent": Sent;
  /** Undefined for a canvas that was made without an app. */
  readonly #sender: Sender | undefined;

  constructor(sender: Sender | undefined) {
    this.#sender = sender;
  }

  /** The app of the first of them that has one. */
  static senderOf(canvases: readonly object[]): Sender | undefined {
    for (const canvas of canvases) if (#sender in canvas && canvas.#sender !== undefined) return canvas.#sender;
    return undefined;
  }

  /** Celery's JSON form. */
  abstract toDict(): SignatureDict;

  toJSON(): SignatureDict {
    return this.toDict();
  }

  /** The same with more options, or with others in their place. */
  abstract set(options: SendOptions): this;

  /** The same with other keywords and options, and, where they are given, with all the arguments that it still takes. */
  clone(call?: CloneOptions & { readonly args?: undefined }): this;
  clone(call: CloneOptions & { readonly args: Takes }): Canvas<Result, [], Sent>;
  clone(call: AnyCall = {}): unknown {
    return this.#extended(call);
  }

  /** How it is published, which its JSON form does not say. */
  abstract get publishing(): PublishOptions;

  /**
   * The same with one more callback, which is sent with its result; where it is there already, the same. A group's is its first member's, and gets no result:
   * what is to come after all of a group is a chord's body. Throws CanvasError for an empty group.
   */
  abstract link(callback: FollowUp): this;

  /** The same with one more errback, which is sent with the failed task's id. */
  abstract linkError(errback: FollowUp): this;

  /** The same with stamps on every call in it, by which workers can be told to revoke it and its results be known. */
  abstract stamp(stamps: Stamps | StampingVisitor, options?: StampOptions): this;

  /** This, and then the next with its result. Celery: `|`. */
  abstract pipe<This extends AnyCanvas, Next extends AnyCanvas>(
    this: This,
    next: Next & Fits<ResultOf<This>, Next>,
  ): Canvas<ResultOf<Next>, TakesOf<This>, SentOf<Next>>;

  /** Sends it with the arguments that it still needs. Resolves once the broker has what begins it; rejects as `Task.delay` does, and with CanvasError. */
  delay(...args: Takes): Promise<Sent> {
    return this.#start("delay", { args }, send);
  }

  /** As `delay`, with options. */
  applyAsync(call: CanvasCall<Takes>): Promise<Sent> {
    return this.#start("applyAsync", call, send);
  }

  /** Runs it here and now. Celery: `apply`. */
  apply(call: CanvasCall<Takes>): Promise<Sent> {
    return this.#start("apply", call, (sender, whole) => sender.runHere(whole));
  }

  /** The same with arguments before its own and keywords over them, unless it is immutable. */
  protected abstract given(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): this;

  #extended({ args = [], kwargs = {}, ...options }: AnyCall): this {
    return this.given(args, kwargs).set(options);
  }

  async #start(
    method: string,
    call: AnyCall,
    start: (sender: Sender, whole: Sendable) => Promise<unknown>,
  ): Promise<Sent> {
    const sender = this.#sender;
    if (sender === undefined) {
      throw new CanvasError(
        `${method}: this canvas of ${this.toDict().task} was made without an app, or of nothing that has one. Send it with app.send(canvas).`,
      );
    }
    return (await start(sender, this.#extended(call))) as Sent;
  }
}

type AnyCall = CloneOptions & { readonly args?: readonly unknown[] | undefined };

interface Sendable extends AnyCanvas {
  readonly publishing: PublishOptions;
}

function send(sender: Sender, canvas: Sendable): Promise<unknown> {
  return sender.send(canvas, canvas.publishing);
}

/** What of a call's options concerns only the act of publishing. */
export function publishOptionsIn(options: SendOptions): PublishOptions {
  const { signal, publishTimeoutMs, publishRetry, publishRetryPolicy } = options;
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(publishTimeoutMs === undefined ? {} : { publishTimeoutMs }),
    ...(publishRetry === undefined ? {} : { publishRetry }),
    ...(publishRetryPolicy === undefined ? {} : { publishRetryPolicy }),
  };
}

/** The JSON forms of what a canvas is made of. Throws CanvasError, which names the one that is no canvas: `where` is what they are. */
export function dictsOfParts(parts: readonly unknown[], where: string): readonly SignatureDict[] {
  return parts.map((part, index) => dictOfPart(part, `${where} ${String(index + 1)}`));
}

/** Throws CanvasError. */
export function dictOfPart(part: unknown, where: string): SignatureDict {
  if (part instanceof Canvas) return part.toDict();
  throw new CanvasError(
    `${where} is no canvas but ${kindOf(part)}: give task.s(…), app.signature(name) or what chain(), group() and chord() make.`,
  );
}

function kindOf(value: unknown): string {
  if (value instanceof Promise) return "a promise, as of a task that was sent already";
  if (typeof value === "object" && value !== null && "delay" in value) return "a task that was not called";
  return value === null || value === undefined ? String(value) : `a value of type ${typeof value}`;
}

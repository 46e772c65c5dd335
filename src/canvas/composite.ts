import type { FollowUp, PublishOptions, SendOptions } from "../app/send-options.ts";
import type { SignatureDict } from "../message/task-request.ts";
import { Canvas, publishOptionsIn } from "./canvas.ts";
import { withOptions } from "./dicts.ts";
import { withErrback, withLink } from "./links.ts";
import { withPartials } from "./partials.ts";
import type { Sender } from "./sender.ts";
import { dictOf, optionsToWire } from "./signature-options.ts";
import { stamped, type StampOptions, type StampingVisitor } from "./stamping.ts";
import type { Stamps } from "./stamps.ts";

/** What a composite is made of. */
export interface CompositeParts {
  readonly dict: SignatureDict;
  readonly sender: Sender | undefined;
  /** How it is published, which its JSON form does not say. */
  readonly publishing?: PublishOptions;
}

/** A canvas of several: it is its JSON form, from the beginning. */
export abstract class Composite<Result, Takes extends readonly unknown[], Sent> extends Canvas<Result, Takes, Sent> {
  readonly #parts: CompositeParts;

  constructor(parts: CompositeParts) {
    super(parts.sender);
    this.#parts = parts;
  }

  /** Another of the same kind. */
  protected abstract like(parts: CompositeParts): this;

  override toDict(): SignatureDict {
    return this.#parts.dict;
  }

  override get publishing(): PublishOptions {
    return this.#parts.publishing ?? {};
  }

  override set(options: SendOptions): this {
    const { dict, publishing } = this.#parts;
    return this.like({
      ...this.#parts,
      dict: withOptions(dict, optionsToWire(options)),
      publishing: { ...publishing, ...publishOptionsIn(options) },
    });
  }

  override link(callback: FollowUp): this {
    return this.#with(withLink(this.toDict(), dictOf(callback)));
  }

  override linkError(errback: FollowUp): this {
    return this.#with(withErrback(this.toDict(), dictOf(errback), this.#parts.sender));
  }

  override stamp(stamps: Stamps | StampingVisitor, options?: StampOptions): this {
    return this.#with(stamped(this.toDict(), stamps, options));
  }

  protected override given(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): this {
    return this.#with(withPartials(this.toDict(), args, kwargs));
  }

  #with(dict: SignatureDict): this {
    return this.like({ ...this.#parts, dict });
  }
}

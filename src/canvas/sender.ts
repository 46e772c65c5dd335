import type { PublishOptions } from "../app/send-options.ts";
import type { AnyCanvas } from "./takes.ts";

/** What a canvas needs of its app to be sent. */
export interface Sender {
  /** Whether an errback of a chord is one of each member of its header as well: `taskAllowErrorCbOnChordHeader`. */
  linksErrorsToHeaders(): boolean;
  send(canvas: AnyCanvas, options?: PublishOptions): Promise<unknown>;
  /** Runs it here and now. */
  runHere(canvas: AnyCanvas): Promise<unknown>;
}

import type { BroadcasterSource } from "../broker/broadcaster.ts";
import type { Logger, LogFields } from "../util/logger.ts";
import type { WrittenEvents } from "./event-sender.ts";

/** How long the thread takes to end at most, in milliseconds: it has a second for what waits. */
export const SENDER_END_MS = 1_500;

/** What the thread that sends events is started with. */
export interface SenderSetup {
  readonly hostname: string;
  readonly source: BroadcasterSource;
}

export type ToSenderThread =
  { readonly kind: "put"; readonly written: readonly WrittenEvents[] } | { readonly kind: "end" };

export type FromSenderThread =
  | { readonly kind: "taken"; readonly events: number }
  | { readonly kind: "state"; readonly isAway: boolean }
  | {
      readonly kind: "log";
      readonly level: keyof Logger;
      readonly message: string;
      readonly fields: LogFields | undefined;
    };

import type { Message } from "../../message/message.ts";
import type { LogFields, Logger } from "../../util/logger.ts";
import type { DeliveryInfo } from "../pool.ts";
import type { OutcomeData } from "./outcome-data.ts";

/**
 * What a pool and its children say to each other: data for the structured clone algorithm, in order, one job at a time.
 *
 *     pool   setup ─────────▶ run ─▶ soft-limit ─▶ give-up ──────────────────────▶ end
 *     child         ready ─▶      progress, log, asks-to-commit ⇄ may-commit, ended
 */
export type Command =
  /** The first of all. What it has to say is for the child's program. */
  | { readonly kind: "setup"; readonly setup: unknown }
  | { readonly kind: "run"; readonly message: Message; readonly delivery: DeliveryInfo; readonly isWeighed: boolean }
  | { readonly kind: "soft-limit"; readonly limitMs: number }
  | { readonly kind: "give-up" }
  | { readonly kind: "may-commit"; readonly isAllowed: boolean }
  /** Close what is open, and end. */
  | { readonly kind: "end" };

export type News =
  | { readonly kind: "ready" }
  /** Jobs can never be run there. */
  | { readonly kind: "unfit"; readonly why: string }
  | { readonly kind: "progress"; readonly value: string }
  | { readonly kind: "asks-to-commit" }
  /** `memoryBytes`: the resident set of a process, the heap of a thread; always for a run that is weighed, and now and then. */
  | { readonly kind: "ended"; readonly outcome: OutcomeData; readonly memoryBytes: number | undefined }
  | {
      readonly kind: "log";
      readonly level: keyof Logger;
      readonly message: string;
      readonly fields: LogFields | undefined;
    }
  /** The child's last words: an exception that nobody caught. */
  | { readonly kind: "uncaught"; readonly error: string };

import type { BroadcasterSource } from "../../broker/broadcaster.ts";

/** How long the thread takes to end at most, in milliseconds. */
export const STAND_IN_END_MS = 1_000;

/** Where a health endpoint listens, and how patient it is. */
export interface HealthPlace {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** For how long a wedged worker counts as live, in milliseconds. */
  readonly patienceMs: number;
}

/** What the thread begins with. */
export interface StandInSetup {
  /** Of `EvidenceMemory` and `TicketClaims`. */
  readonly memory: SharedArrayBuffer;
  readonly claims: SharedArrayBuffer;
  /** The worker's node name. */
  readonly node: string;
  /** When the worker was started, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** Whether tasks run in the event loop. */
  readonly isInline: boolean;
  readonly health: HealthPlace | undefined;
}

/** By method, what the event loop would answer: JSON. */
export type Snapshot = Readonly<Record<string, Uint8Array>>;

/** What the event loop tells. */
export type ToStandIn =
  | {
      /** To hear remote control from now on, and beat in the event loop's place. */
      readonly kind: "stand-by";
      readonly source: BroadcasterSource;
      /** Between heartbeats, in milliseconds; undefined for none. */
      readonly heartbeatMs: number | undefined;
    }
  /** Answers that are newer than those before. */
  | { readonly kind: "snapshot"; readonly answers: Snapshot }
  /** The thread closes all that it has, and ends. */
  | { readonly kind: "end" };

/** What the thread tells. */
export type FromStandIn =
  /** All that is asked for from the beginning is there; `health` is the endpoint's URL. */
  | { readonly kind: "ready"; readonly health: string | undefined }
  /** Remote control is heard. */
  | { readonly kind: "hears" }
  /** The health endpoint cannot listen; the thread ends. */
  | { readonly kind: "refused"; readonly error: string };

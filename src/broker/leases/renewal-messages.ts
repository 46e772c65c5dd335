import type { TableMemory } from "./lease-table.ts";
import type { RenewerSource } from "./renewer.ts";

/** How long the thread takes to let go of a table at most, in milliseconds. */
export const DROP_MS = 1_000;

/** What an event loop tells the thread that renews. */
export type ToThread =
  | {
      /** A table to keep, or new memory of one that is kept. */
      readonly kind: "keep";
      readonly table: number;
      readonly memory: TableMemory;
      readonly source: RenewerSource;
      /** From the renewal, in milliseconds. */
      readonly leaseMs: number;
      readonly intervalMs: number;
    }
  /** Answered by `dropped` once nothing of it is open any longer, or cannot be closed. The thread ends with its last table. */
  | { readonly kind: "drop"; readonly table: number };

/** What the thread tells. Of failures, the first of each row of them. */
export type FromThread =
  | { readonly kind: "lost"; readonly table: number }
  | { readonly kind: "failed"; readonly table: number; readonly error: string }
  | { readonly kind: "dropped"; readonly table: number };

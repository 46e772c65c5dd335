import type { OpenParts } from "../parts.ts";
import type { Commands } from "./command-table.ts";

/** Flower asks for events every few seconds. */
export function eventCommands({ events, heart }: OpenParts): Commands {
  return {
    enable_events: () => ({ ok: events.enable() ? "task events enabled" : "task events already enabled" }),
    disable_events: () => ({ ok: events.disable() ? "task events disabled" : "task events already disabled" }),
    heartbeat: () => {
      heart.beat();
      return null;
    },
  };
}

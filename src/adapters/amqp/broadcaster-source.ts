import type { BroadcasterSource } from "../../broker/broadcaster.ts";
import { siblingModule } from "../../util/sibling-module.ts";
import type { AmqpLinkOptions } from "./connections/amqp-link.ts";

/** What a thread needs in order to broadcast and listen over a connection of its own: it gets a copy. */
export type BroadcasterData = Pick<AmqpLinkOptions, "url" | "addresses" | "tls" | "heartbeat">;

export function broadcasterSource(data: BroadcasterData): BroadcasterSource {
  return { module: siblingModule("./open-broadcaster", import.meta.url).href, data };
}

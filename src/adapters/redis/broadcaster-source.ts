import type { BroadcasterSource } from "../../broker/broadcaster.ts";
import { siblingModule } from "../../util/sibling-module.ts";
import type { Endpoint } from "./connections/endpoint.ts";

/** What a thread needs in order to broadcast and listen over connections of its own: it gets a copy. */
export interface BroadcasterData {
  /** For messages; secrets masked. */
  readonly url: string;
  readonly endpoint: Endpoint;
  readonly keyPrefix: string;
}

export function broadcasterSource(data: BroadcasterData): BroadcasterSource {
  return { module: siblingModule("./open-broadcaster", import.meta.url).href, data };
}

import type { BroadcasterSource } from "../../broker/broadcaster.ts";
import { siblingModule } from "../../util/sibling-module.ts";

export interface BroadcasterData {
  /** Of the file; absolute. */
  readonly path: string;
  /** For messages. */
  readonly url: string;
}

/** How a thread broadcasts and listens in a file. */
export function broadcasterSource(data: BroadcasterData): BroadcasterSource {
  return { module: siblingModule("./open-broadcaster", import.meta.url).href, data };
}

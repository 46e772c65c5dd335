import type { Broadcaster, BroadcasterSource, OpenBroadcaster } from "./broadcaster.ts";

/** For threads: a broadcaster of their own. */
export async function openBroadcasterFrom({ module, data }: BroadcasterSource): Promise<Broadcaster & AsyncDisposable> {
  const { openBroadcaster } = (await import(module)) as { readonly openBroadcaster: OpenBroadcaster };
  return openBroadcaster(data);
}

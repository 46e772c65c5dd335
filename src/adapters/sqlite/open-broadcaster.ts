/** What a thread runs that broadcasts and listens in an SQLite file: a connection of its own. */
import type { OpenBroadcaster } from "../../broker/broadcaster.ts";
import { BrokerUnavailableError } from "../../broker/errors.ts";
import { systemClock } from "../../util/clock.ts";
import type { BroadcasterData } from "./broadcaster-source.ts";
import { Database } from "./database.ts";
import { SqliteBroadcaster } from "./sqlite-broadcaster.ts";

/** How often the file is looked at, in milliseconds: it stands in for an event loop, which hears at once while it turns. */
const LOOK_MS = 500;

export const openBroadcaster: OpenBroadcaster = (data) => {
  const { path, url } = data as BroadcasterData;
  const database = new Database({
    path,
    clock: systemClock,
    lookMs: LOOK_MS,
    unavailable: (detail, options) => new BrokerUnavailableError(url, detail, options),
  });
  return Object.assign(new SqliteBroadcaster(database), {
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  });
};

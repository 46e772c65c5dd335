import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { app, database } from "../app.ts";
import { api } from "./api.ts";
import { waitForDatabase } from "../database/index.ts";

export interface RunningApi {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the API on loopback once the database answers. */
export async function serveApi(
  options: { /** @default any free one */ readonly port?: number } = {},
): Promise<RunningApi> {
  await waitForDatabase(database);
  const server = createAdaptorServer({ fetch: api.fetch }) as Server;
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${String(port)}`, close: () => closeAll(server) };
}

async function closeAll(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await app.close();
  await database.close();
}

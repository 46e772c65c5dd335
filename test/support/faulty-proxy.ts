import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** What becomes of the connections through a proxy. */
export type Fault = "none" | "stall" | "refuse" | "mute";

/** Stands between a client and a server of the loopback, and does to their connections what networks do. */
export class FaultyProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #fault: Fault = "none";

  static async before(port: number): Promise<FaultyProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultyProxy(server, port);
  }

  private constructor(server: Server, target: number) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    server.on("connection", (client) => this.#connect(client, target));
  }

  /** `stall` lets nothing through any more, and tells nobody; `mute` no answers; `refuse` resets what comes. */
  set(fault: Fault): void {
    this.#fault = fault;
    if (fault === "refuse") this.reset();
    for (const socket of this.#sockets) if (fault === "stall") socket.pause();
  }

  /** Resets all connections that there are. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #connect(client: Socket, target: number): void {
    this.#keep(client);
    if (this.#fault === "refuse") client.resetAndDestroy();
    // Accepted, and nothing comes of it.
    if (this.#fault === "stall") return;
    const server = connect(target, "127.0.0.1");
    this.#keep(server);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on("data", (chunk) => {
        if (this.#fault !== "mute" || from === client) to.write(chunk);
      });
      from.on("close", () => to.destroy());
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined); // "close" follows
    socket.on("close", () => this.#sockets.delete(socket));
  }
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Dict } from "../../message/fields.ts";
import { whyNotConsuming } from "./judge.ts";
import { livenessAnswer } from "./liveness-answer.ts";
import type { Sight } from "./lookout.ts";
import type { HealthPlace } from "./stand-in-messages.ts";

/** Nobody needs more at once, or longer; in milliseconds. */
const MAX_CONNECTIONS = 64;
const REQUEST_MS = 5_000;
const MAX_HEADER_BYTES = 8 * 1024;

interface Answer {
  readonly status: number;
  readonly body: Dict;
}

/** `GET /live` and `GET /ready` for orchestrators: 200, or 503 and why, with the evidence as JSON. */
export class HealthServer implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;

  /** Resolves once it listens; rejects with what keeps it from that. */
  static async open(place: HealthPlace, look: () => Sight): Promise<HealthServer> {
    const { host, port, patienceMs } = place;
    const options = {
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: REQUEST_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    const server = createServer(options, (request, response) =>
      respond(response, request, answerTo(request, look, patienceMs)),
    );
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    return new HealthServer(server);
  }

  private constructor(server: Server) {
    const { address, family, port } = server.address() as AddressInfo;
    this.#server = server;
    this.url = `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Whoever is being answered is cut off. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

function answerTo({ method, url = "" }: IncomingMessage, look: () => Sight, patienceMs: number): Answer {
  if (method !== "GET" && method !== "HEAD") return { status: 405, body: { error: "only GET and HEAD are answered" } };
  const path = url.split("?")[0];
  if (path === "/live") return live(look(), patienceMs);
  if (path === "/ready") return ready(look());
  return { status: 404, body: { error: "there are /live and /ready" } };
}

/** A worker that is wedged for long is not: a task that computes for a while is no reason to end all that run beside it. */
function live({ liveness, viewpoint }: Sight, patienceMs: number): Answer {
  const isLive = liveness.state !== "wedged" || viewpoint.now - liveness.since < patienceMs;
  return { status: isLive ? 200 : 503, body: { live: isLive, ...livenessAnswer(liveness, "thread") } };
}

function ready({ evidence, liveness, viewpoint }: Sight): Answer {
  const why = whyNotConsuming(evidence, liveness, viewpoint);
  const body = { ready: why === undefined, ...livenessAnswer(liveness, "thread"), why: why ?? null };
  return { status: why === undefined ? 200 : 503, body };
}

function respond(response: ServerResponse, request: IncomingMessage, { status, body }: Answer): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    connection: "close",
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : text);
}

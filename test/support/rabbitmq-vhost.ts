import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import { eventually } from "./eventually.ts";

/** Where the server's HTTP API is, unless the URL says so by `?management=PORT`. */
const MANAGEMENT_PORT = "15672";

/**
 * A RabbitMQ that all tests of a run share; empty where there is none to be had. test/support/global/rabbitmq.ts finds or starts it;
 * test/support/with-rabbitmq.ts skips tests without it.
 */
export const SHARED_RABBITMQ: string = process.env["CELERIAC_TEST_RABBITMQ_URL"] ?? "";

/** A virtual host of a test's own, which goes with all that is in it, and with the connections to it. */
export class RabbitVhost implements AsyncDisposable {
  readonly name: string = `test-${randomUUID()}`;
  /** As clients take it. */
  readonly url: string;
  readonly #server: string;

  static async open(server: string = SHARED_RABBITMQ): Promise<RabbitVhost> {
    const vhost = new RabbitVhost(server);
    await askRabbitMq(server, `vhosts/${vhost.name}`, { method: "PUT" });
    const permissions = { configure: ".*", write: ".*", read: ".*" };
    const user = decodeURIComponent(new URL(server).username);
    await askRabbitMq(server, `permissions/${vhost.name}/${user}`, { method: "PUT", body: permissions });
    return vhost;
  }

  private constructor(server: string) {
    this.#server = server;
    const { protocol, username, password, host } = new URL(server);
    this.url = `${protocol}//${username}:${password}@${host}/${this.name}`;
  }

  /** Of the server's HTTP API, with its password. */
  get api(): string {
    const { username, password } = new URL(this.#server);
    return `http://${username}:${password}@${apiHost(this.#server)}/api/`;
  }

  /** The queue as the server has it: its arguments, whether it is durable. Undefined where there is none. */
  async queue(name: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    return (await this.queues()).find((queue) => queue["name"] === name);
  }

  queues(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#list("queues");
  }

  /** All but those that every virtual host has. */
  async exchanges(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const all = await this.#list("exchanges");
    return all.filter(({ name }) => name !== "" && !String(name).startsWith("amq."));
  }

  /** Closes all connections to it, as an operator would. There have to be some: the server tells of new ones after a second, or five. */
  async closeConnections(): Promise<void> {
    const path = `vhosts/${this.name}/connections`;
    const list = async (): Promise<readonly { readonly name: string }[]> => {
      const open = (await askRabbitMq(this.#server, path)) as readonly { readonly name: string }[];
      if (open.length === 0) throw new Error(`The server tells of no connection to ${this.name}.`);
      return open;
    };
    for (const { name } of await eventually(list, { timeoutMs: 15_000, pauseMs: 50 }))
      await askRabbitMq(this.#server, `connections/${encodeURIComponent(name)}`, { method: "DELETE" });
  }

  /** From now on its exchange `amq.rabbitmq.trace` gets a copy of all that is published and delivered. */
  async trace(): Promise<void> {
    await askRabbitMq(this.#server, `vhosts/${this.name}`, { method: "PUT", body: { tracing: true } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await askRabbitMq(this.#server, `vhosts/${this.name}`, { method: "DELETE" });
  }

  async #list(kind: "queues" | "exchanges"): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const path = `${kind}/${this.name}?disable_stats=true&enable_queue_totals=true`;
    return (await askRabbitMq(this.#server, path)) as readonly Readonly<Record<string, unknown>>[];
  }
}

export async function rabbitMqVersion(server: string): Promise<string> {
  const { rabbitmq_version: version } = (await askRabbitMq(server, "overview")) as {
    readonly rabbitmq_version: string;
  };
  return version;
}

export async function rabbitMqAnswers(server: string): Promise<boolean> {
  try {
    await askRabbitMq(server, "whoami");
    const url = new URL(server);
    url.search = "";
    const connection = await connect(url.href, { timeout: 2_000 });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

interface Question {
  readonly method?: "GET" | "PUT" | "DELETE";
  readonly body?: unknown;
}

/** Asks the server's HTTP API; what is to be deleted and is not there is fine. */
async function askRabbitMq(server: string, path: string, { method = "GET", body }: Question = {}): Promise<unknown> {
  const { username, password } = new URL(server);
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const response = await fetch(`http://${apiHost(server)}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
      "content-type": "application/json",
      connection: "close",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.ok) return text === "" ? undefined : (JSON.parse(text) as unknown);
  if (method === "DELETE" && response.status === 404) return undefined;
  throw new Error(`RabbitMQ answers ${method} ${path} with ${response.status}: ${text}`);
}

function apiHost(server: string): string {
  const { hostname, searchParams } = new URL(server);
  return `${hostname}:${searchParams.get("management") ?? MANAGEMENT_PORT}`;
}

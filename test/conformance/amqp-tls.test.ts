import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { amqp } from "../../src/adapters/amqp/index.ts";
import { Reader } from "../../src/testing/conformance/broker/reader.ts";
import { toQueue } from "../../src/testing/conformance/broker/stage.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { certificates } from "../support/certificates.ts";
import { RabbitServer } from "../support/rabbitmq.ts";
import { it } from "../support/with-own-rabbitmq.ts";

const TIMEOUT_MS = 60_000;

let directory = "";
let ours: (name: string) => string;
let others: (name: string) => string;
let server: RabbitServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "celeriac-tls-"));
  ours = await certificates(directory);
  others = await certificates(await mkdtemp(join(directory, "others-")));
  server = await RabbitServer.start({}, ours);
}, TIMEOUT_MS);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

it("takes and sends by TLS, with a certificate of its own where the server asks for one", async () => {
  for (const parameters of [`cacertfile=${ours("ca.pem")}&${own("")}`, `ssl_cert_reqs=none&${own("ssl_")}`]) {
    expect(await answerTo(parameters)).toBe("through");
  }
});

it("refuses a server whose authority it does not know, or whose certificate is of another name, and tells which", async () => {
  const from = (host: string): RegExp =>
    new RegExp(`The broker amqps://${host}:${server.securePort}\\S* is not available`);
  const wrongAuthority = await answerTo(`cacertfile=${others("ca.pem")}&${own("")}`);
  expect(wrongAuthority).toMatch(from("localhost"));
  expect(wrongAuthority).toMatch(/its certificate is not trusted.*(self-signed|unable to verify|unable to get)/);
  const wrongName = await answerTo(`cacertfile=${ours("ca.pem")}&${own("")}`, "127.0.0.1");
  expect(wrongName).toMatch(from("127.0.0.1"));
  expect(wrongName).toMatch(/its certificate is for another name.*127\.0\.0\.1 is not in the cert's list/);
});

it("tells that the server wants a certificate, or another than it was given", async () => {
  for (const parameters of ["", own("", others)]) {
    const refusal = await answerTo(`cacertfile=${ours("ca.pem")}&${parameters}`);
    expect(refusal).toMatch(/does not accept the client certificate.*alert (certificate required|unknown ca)/);
  }
});

function own(prefix: "" | "ssl_", pem = ours): string {
  return `${prefix}certfile=${pem("server.pem")}&${prefix}keyfile=${pem("key.pem")}`;
}

/** What comes back of a message that is sent, or what opening rejects with. */
async function answerTo(parameters: string, host = "localhost", scheme = "amqps"): Promise<string> {
  const { createBroker } = amqp({ url: `${scheme}://${host}:${server.securePort}?${parameters}` });
  if (createBroker === undefined) throw new Error("RabbitMQ is a broker.");
  await using broker = createBroker({ clock, log });
  const refusal = await broker.connect().catch((error: unknown) => String(error));
  if (refusal !== undefined) return refusal;
  const queue = `queue-${randomUUID()}`;
  await broker.declare({ queues: [{ name: queue }] });
  await broker.publish([toQueue(queue, "through")]);
  await using consumer = broker.consume([queue], { prefetch: 1 });
  return await new Reader(consumer, clock).text();
}

import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { postgres, type PostgresTlsOptions } from "../../src/adapters/postgres/index.ts";
import { systemClock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { certificates } from "../support/certificates.ts";

let directory = "";
let ours: (name: string) => string;
let others: (name: string) => string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "celeriac-tls-"));
  ours = await certificates(directory, "db.example");
  const elsewhere = await mkdtemp(join(directory, "others-"));
  others = await certificates(elsewhere, "db.example");
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const ENTERED = /it is starting, or shutting down/;
const NOT_OURS = /self-signed certificate|unable to verify|unable to get/;
const OTHER_NAME = /does not match certificate's altnames/;

it("sslmode=require checks who made the certificate where the authorities are named, and the name nowhere", async () => {
  expect(await answerTo("sslmode=require")).toMatch(ENTERED);
  expect(await answerTo(`sslmode=require&sslrootcert=${ours("ca.pem")}`)).toMatch(ENTERED);
  expect(await answerTo(`sslmode=require&sslrootcert=${others("ca.pem")}`)).toMatch(NOT_OURS);
  expect(await answerTo(`sslmode=verify-ca&sslrootcert=${others("ca.pem")}`)).toMatch(NOT_OURS);
  expect(await answerTo(`sslmode=verify-full&sslrootcert=${ours("ca.pem")}`)).toMatch(OTHER_NAME);
});

it("tls.servername is the name that the certificate must have, whatever the host is called", async () => {
  const ca = await readFile(ours("ca.pem"));
  for (const host of ["localhost", "127.0.0.1"]) {
    expect(await answerTo("", { host, tls: { ca } })).toMatch(OTHER_NAME);
    expect(await answerTo("", { host, tls: { ca, servername: "db.example" } })).toMatch(ENTERED);
    expect(await answerTo("", { host, tls: { ca, servername: "other.example" } })).toMatch(OTHER_NAME);
    expect(await answerTo("sslmode=verify-ca", { host, tls: { ca, servername: "other.example" } })).toMatch(OTHER_NAME);
  }
});

interface Entering {
  readonly host?: string;
  readonly tls?: PostgresTlsOptions;
}

/** What opening rejects with, at a server that has our certificate and always starts. */
async function answerTo(parameters: string, { host = "localhost", tls }: Entering = {}): Promise<string> {
  const [key, cert] = await Promise.all([readFile(ours("key.pem")), readFile(ours("server.pem"))]);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    // The first packet asks for TLS.
    socket.once("data", () => {
      socket.write("S");
      const secure = new TLSSocket(socket, { isServer: true, key, cert });
      secure.on("error", () => undefined);
      secure.once("data", () => secure.end(STARTING));
    });
  }).listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const url = `postgres://someone@${host}:${port}/app?${parameters}`;
    const { createResultBackend } = postgres({ url, ...(tls === undefined ? {} : { tls }) });
    const backend = createResultBackend?.({ clock: systemClock, log, resultExpiresMs: 1_000 });
    const answer = await backend?.open().catch((error: unknown) => String(error));
    await backend?.[Symbol.asyncDispose]();
    return answer ?? "";
  } finally {
    server.close();
  }
}

/** `ErrorResponse` of PostgreSQL's protocol: 57P03. */
const FIELDS = Buffer.from("SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0");
const STARTING = Buffer.concat([Buffer.from("E"), Buffer.from([0, 0, 0, FIELDS.length + 4]), FIELDS]);

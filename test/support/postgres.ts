import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { eventually } from "./eventually.ts";
import { freePort, isExecutable, output, programsNamed } from "./processes.ts";
import type { RunningService } from "./running-service.ts";

/** Where Debian keeps the programs, a folder for each version, none of them on the PATH. */
const DEBIAN_VERSIONS = "/usr/lib/postgresql";

/** Fast, and lost when the machine goes down: its data live no longer than the tests. */
const SETTINGS = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "unix_socket_directories="];

export async function postgresAnswers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("SELECT 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Starts an installed PostgreSQL on an empty temporary folder; undefined when none is installed. */
export async function startLocalPostgres(): Promise<RunningService | undefined> {
  const failures: unknown[] = [];
  for (const folder of await programFolders()) {
    try {
      return await startFrom(folder);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return undefined;
}

/** Whether there is one to be started. */
export async function hasPostgresPrograms(): Promise<boolean> {
  return (await programFolders()).length > 0;
}

async function programFolders(): Promise<readonly string[]> {
  const versions = await readdir(DEBIAN_VERSIONS).catch(() => []);
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a)).map((v) => join(DEBIAN_VERSIONS, v, "bin"));
  const onPath = programsNamed("postgres").map((path) => dirname(path));
  return [...newestFirst, ...onPath].filter((folder) => isExecutable(join(folder, "initdb")));
}

async function startFrom(folder: string): Promise<RunningService> {
  const server = await PostgresServer.startFrom(folder);
  return { url: server.url, stop: () => server[Symbol.asyncDispose]() };
}

/** A server of a test's own, on a free port of the loopback, that is stopped, killed and started again. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #data: string;
  readonly #user: User;
  #running: ChildProcess | undefined;

  /** Undefined where no PostgreSQL is installed. */
  static async start(): Promise<PostgresServer | undefined> {
    const [folder] = await programFolders();
    return folder === undefined ? undefined : PostgresServer.startFrom(folder);
  }

  static async startFrom(folder: string): Promise<PostgresServer> {
    const user = await unprivilegedUser();
    const data = await mkdtemp(join(tmpdir(), "celeriac-postgres-"));
    if (user.uid !== undefined && user.gid !== undefined) await chown(data, user.uid, user.gid);
    const server = new PostgresServer(folder, data, user, await freePort());
    try {
      const initialise = ["-D", data, "-U", "celeriac", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
      await output(join(folder, "initdb"), initialise, user);
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(folder: string, data: string, user: User, port: number) {
    this.#folder = folder;
    this.#data = data;
    this.#user = user;
    this.port = port;
  }

  get url(): string {
    return `postgres://celeriac@127.0.0.1:${this.port}/postgres`;
  }

  /** After `stop`: on the same port, with what it wrote. */
  async start(): Promise<void> {
    const server = spawnServer(join(this.#folder, "postgres"), this.#data, this.port, this.#user);
    this.#running = server;
    await untilItAnswers(server, this.url);
  }

  /** `SIGINT` is PostgreSQL's fast shutdown, `SIGQUIT` a crash: all its processes end at once, and what was not written is lost. */
  async stop(signal: "SIGINT" | "SIGQUIT" = "SIGINT"): Promise<void> {
    if (this.#running !== undefined) await ended(this.#running, signal);
    this.#running = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#data, { recursive: true, force: true });
  }
}

function spawnServer(program: string, data: string, port: number, user: User): ChildProcess {
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", ...SETTINGS].flatMap((setting) => ["-c", setting]);
  const server = spawn(program, ["-D", data, ...settings], { ...user, cwd: data, stdio: "ignore" });
  const interrupt = (): void => void server.kill("SIGINT");
  process.once("exit", interrupt);
  server.once("exit", () => process.off("exit", interrupt));
  return server;
}

async function untilItAnswers(server: ChildProcess, url: string): Promise<void> {
  const check = async (): Promise<void> => {
    if (!hasEnded(server) && !(await postgresAnswers(url))) throw new Error("It was started but does not answer.");
  };
  try {
    await eventually(check, { timeoutMs: 30_000 });
    if (hasEnded(server)) throw new Error(`It ended as soon as it was started, with exit code ${server.exitCode}.`);
  } catch (error) {
    await ended(server);
    throw error;
  }
}

/** Asks the server for its fast shutdown, unless told otherwise: connections are cut, nothing is left running. */
async function ended(server: ChildProcess, signal: NodeJS.Signals = "SIGINT"): Promise<void> {
  if (hasEnded(server)) return;
  const exit = once(server, "exit");
  server.kill(signal);
  await exit;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

interface User {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root: root lends it the user that its package made. Anyone else runs it as themselves. */
async function unprivilegedUser(): Promise<User> {
  if (process.getuid?.() !== 0) return {};
  const name = await output("id", ["-u", "postgres"]).then(
    () => "postgres",
    () => "nobody",
  );
  const [uid, gid] = await Promise.all([output("id", ["-u", name]), output("id", ["-g", name])]);
  return { uid: Number(uid), gid: Number(gid) };
}

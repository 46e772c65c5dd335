import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort, isExecutable, programsNamed } from "./processes.ts";
import { rabbitMqAnswers, RabbitVhost } from "./rabbitmq-vhost.ts";
import type { RunningService } from "./running-service.ts";

/** Debian's own of that name in the PATH is for its service alone: it becomes another user, and writes to the service's folders. */
const OF_PACKAGE = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** Whether there is a server to be started for a test of its own. */
export function hasRabbitMqProgram(): boolean {
  return programs() !== undefined;
}

interface Programs {
  readonly server: string;
  /** Erlang's name server, without which a node does not start. */
  readonly epmd: string;
}

function programs(): Programs | undefined {
  const server = [OF_PACKAGE, ...programsNamed("rabbitmq-server")].find(isExecutable);
  const [epmd] = programsNamed("epmd");
  return server === undefined || epmd === undefined ? undefined : { server, epmd };
}

/** Starts an installed RabbitMQ on an empty temporary folder; undefined when none is installed. */
export async function startLocalRabbitMq(): Promise<RunningService | undefined> {
  if (programs() === undefined) return undefined;
  const server = await RabbitServer.start();
  return { url: server.url, stop: () => server[Symbol.asyncDispose]() };
}

type RabbitSettings = Readonly<Record<string, number>>;

/** Everything on the loopback. */
interface Ports {
  readonly amqp: number;
  readonly management: number;
  readonly distribution: number;
  readonly epmd: number;
}

/** A RabbitMQ of a test's own, on the loopback and in a folder of its own, which can be stopped, killed, frozen and started again. It takes seconds to start. */
export class RabbitServer implements AsyncDisposable {
  readonly directory: string;
  readonly #programs: Programs;
  readonly #ports: Ports;
  readonly #settings: RabbitSettings;
  readonly #epmd: Program;
  #server: Program | undefined;

  /** With these settings of its application `rabbit`. */
  static async start(settings: RabbitSettings = {}): Promise<RabbitServer> {
    const installed = programs();
    if (installed === undefined) throw new Error("There is no RabbitMQ to be started.");
    const [amqp, management, distribution, epmd] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const directory = await mkdtemp(join(tmpdir(), "celeriac-rabbitmq-"));
    const server = new RabbitServer(directory, installed, { amqp, management, distribution, epmd }, settings);
    try {
      await server.#configure();
      await server.start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  private constructor(directory: string, installed: Programs, ports: Ports, settings: RabbitSettings) {
    this.directory = directory;
    this.#programs = installed;
    this.#ports = ports;
    this.#settings = settings;
    const args = ["-address", "127.0.0.1", "-port", String(ports.epmd)];
    this.#epmd = new Program(installed.epmd, args, { HOME: directory }, this.#log);
  }

  get port(): number {
    return this.#ports.amqp;
  }

  /** Of the server as a whole, for `RabbitVhost.open`; clients take a virtual host's. */
  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.#ports.amqp}?management=${this.#ports.management}`;
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#server?.pid ?? 0;
  }

  vhost(): Promise<RabbitVhost> {
    return RabbitVhost.open(this.url);
  }

  /** After `stop` or `kill`: on the same ports, with what the disk has. Resolves once it answers. */
  async start(): Promise<void> {
    const server = new Program(this.#programs.server, [], this.#environment(), this.#log);
    this.#server = server;
    const check = async (): Promise<void> => {
      if (server.hasEnded) return;
      if (!(await rabbitMqAnswers(this.url))) throw new Error("RabbitMQ was started but does not answer.");
    };
    await eventually(check, { timeoutMs: 60_000, pauseMs: 100 });
    if (server.hasEnded) throw new Error(`RabbitMQ ended as soon as it was started:\n${await this.#readLog()}`);
  }

  /** In order: it closes all connections and tells their clients why. */
  async stop(): Promise<void> {
    await this.#server?.end("SIGTERM");
    this.#server = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async kill(): Promise<void> {
    this.thaw();
    await this.#server?.end("SIGKILL");
    this.#server = undefined;
  }

  /** It does nothing any more, and its connections stay open. */
  freeze(): void {
    this.#server?.signal("SIGSTOP");
  }

  thaw(): void {
    this.#server?.signal("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#epmd.end("SIGKILL");
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  get #log(): string {
    return join(this.directory, "log");
  }

  async #readLog(): Promise<string> {
    return (await readFile(this.#log, "utf8")).slice(-4_000);
  }

  async #configure(): Promise<void> {
    const settings = {
      "listeners.tcp.1": `127.0.0.1:${this.#ports.amqp}`,
      "management.tcp.ip": "127.0.0.1",
      "management.tcp.port": this.#ports.management,
      "disk_free_limit.absolute": "1MB",
      collect_statistics_interval: 1_000,
      "log.console": true,
      "log.file": false,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    await writeFile(join(this.directory, "rabbitmq.conf"), lines.join(""));
    await writeFile(join(this.directory, "plugins"), "[rabbitmq_management].\n");
  }

  #environment(): Readonly<Record<string, string>> {
    const { directory } = this;
    // It spins while it waits otherwise, and takes the processors from the tests.
    const erlang = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}";
    const settings = Object.entries(this.#settings).map(([name, value]) => ` -rabbit ${name} ${value}`);
    return {
      HOME: directory, // where Erlang keeps its cookie
      ERL_EPMD_ADDRESS: "127.0.0.1",
      ERL_EPMD_PORT: String(this.#ports.epmd),
      RUNNING_UNDER_SYSTEMD: "1", // the script becomes the server, whose id is its own then
      RABBITMQ_NODENAME: `celeriac-${this.#ports.amqp}@localhost`,
      RABBITMQ_CONF_ENV_FILE: join(directory, "none"),
      RABBITMQ_CONFIG_FILE: join(directory, "rabbitmq.conf"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, "plugins"),
      RABBITMQ_MNESIA_BASE: join(directory, "data"),
      RABBITMQ_LOG_BASE: directory,
      RABBITMQ_LOGS: "-",
      RABBITMQ_PID_FILE: join(directory, "pid"),
      RABBITMQ_DIST_PORT: String(this.#ports.distribution),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: erlang + settings.join(""),
      ERL_CRASH_DUMP: join(directory, "erl_crash.dump"),
    };
  }
}

/** A program whose output goes to a file, and which goes with the tests. */
class Program {
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown>;

  constructor(path: string, args: readonly string[], env: Readonly<Record<string, string>>, log: string) {
    const output = openSync(log, "a");
    const child = spawn(path, [...args], { env: { ...process.env, ...env }, stdio: ["ignore", output, output] });
    closeSync(output);
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    this.#process = child;
    this.#exit = once(child, "exit").finally(() => process.off("exit", kill));
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async end(name: NodeJS.Signals): Promise<void> {
    if (!this.hasEnded) this.signal(name);
    await this.#exit;
  }
}

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort, isExecutable, output, programsNamed } from "./processes.ts";
import { Program } from "./program.ts";
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

/** The path of each file of `certificates()`. */
type PemFiles = (name: string) => string;

/** Everything on the loopback. */
interface Ports {
  readonly amqp: number;
  /** Used where there are certificates. */
  readonly amqps: number;
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
  readonly #pem: PemFiles | undefined;
  readonly #epmd: Program;
  #server: Program | undefined;

  /** With these settings of its application `rabbit`; with certificates it speaks TLS on a second port, to whom their authority has given one too. */
  static async start(settings: RabbitSettings = {}, pem?: PemFiles): Promise<RabbitServer> {
    const installed = programs();
    if (installed === undefined) throw new Error("There is no RabbitMQ to be started.");
    const [amqp, amqps, management, distribution, epmd] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const directory = await mkdtemp(join(tmpdir(), "celeriac-rabbitmq-"));
    const ports = { amqp, amqps, management, distribution, epmd };
    const server = new RabbitServer(directory, installed, ports, settings, pem);
    try {
      await server.#configure();
      await server.start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  private constructor(
    directory: string,
    installed: Programs,
    ports: Ports,
    settings: RabbitSettings,
    pem: PemFiles | undefined,
  ) {
    this.directory = directory;
    this.#programs = installed;
    this.#ports = ports;
    this.#settings = settings;
    this.#pem = pem;
    const args = ["-address", "127.0.0.1", "-port", String(ports.epmd)];
    this.#epmd = new Program(installed.epmd, args, { HOME: directory }, this.#log);
  }

  get port(): number {
    return this.#ports.amqp;
  }

  /** Where it speaks TLS. */
  get securePort(): number {
    return this.#ports.amqps;
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

  /** It is short of memory from now on, as far as it knows, or no longer: while it is, it takes no messages. */
  async setMemoryAlarm(isOn: boolean): Promise<void> {
    const share = isOn ? "0.000001" : "0.6";
    const ctl = join(dirname(this.#programs.server), "rabbitmqctl");
    const environment = { ...process.env, ...this.#environment() };
    await output(ctl, ["set_vm_memory_high_watermark", share], { env: environment, timeout: 30_000 });
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
      ...(this.#pem === undefined ? {} : tlsSettings(this.#ports.amqps, this.#pem)),
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

function tlsSettings(port: number, pem: PemFiles): Readonly<Record<string, string | boolean>> {
  return {
    "listeners.ssl.1": `127.0.0.1:${port}`,
    "ssl_options.cacertfile": pem("ca.pem"),
    "ssl_options.certfile": pem("server.pem"),
    "ssl_options.keyfile": pem("key.pem"),
    "ssl_options.verify": "verify_peer",
    "ssl_options.fail_if_no_peer_cert": true,
  };
}

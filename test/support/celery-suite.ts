import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { join } from "node:path";
import { LEFT_OUT, LEFT_OUT_ON_RABBITMQ } from "../interop/celery-suite/left-out.ts";
import { celerySource } from "./celery-source.ts";
import { output } from "./processes.ts";
import { CELERY_TOOLS, pythonOf } from "./python.ts";
import { RabbitVhost } from "./rabbitmq-vhost.ts";
import { HAS_REDIS, RedisServer } from "./redis.ts";

export interface SuiteOutcome {
  /** `test_inspect.py::test_Inspect::test_ping` */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it is not passed. */
  readonly detail: string;
  readonly seconds: number;
}

/** What carries the messages; results are in a Redis either way. */
export type SuiteBroker = "redis" | "rabbitmq";

export interface SuiteOptions {
  /** @default "redis" */
  readonly broker?: SuiteBroker;
  /** Hears of each test as it ends. */
  readonly tell?: (outcome: SuiteOutcome) => void;
}

/** Whether Celery's tests can be run here. */
export const HAS_CELERY_SUITE: boolean = pythonOf(CELERY_TOOLS) !== "" && celerySource() !== "" && HAS_REDIS;

const HERE = join(import.meta.dirname, "../interop/celery-suite");

/**
 * The shell command that starts the worker, from any directory: from source, as TypeScript. It takes its place from TEST_BROKER, TEST_BACKEND, REDIS_HOST and
 * REDIS_PORT, its name from CONF_NODENAME, and from CONF_CONCURRENCY how many tasks it runs at once.
 */
export const WORKER_COMMAND: string = [
  "exec",
  ...[process.execPath, "--import", import.meta.resolve("tsx"), "--conditions=@celeriac/source", "--no-warnings"].map(
    quoted,
  ),
  quoted(join(HERE, "worker.ts")),
].join(" ");

const PLUGINS = ["foreign_worker", "celery.contrib.pytest", "pytest_timeout", "no:cacheprovider"];
/** As Celery's pyproject.toml has them. */
const SETTINGS = ["python_classes=test_*", "markers=flaky timeout"];
/** In seconds. */
const TIMEOUT = ["--timeout=60", "--timeout-method=signal"];
/** Files whose imports are not installed, and that say nothing about a worker. */
const NOT_COLLECTED = ["test_backend.py", "test_database_backend.py", "test_security.py"];
const FOLDER = "t/integration/";

/** A run of Celery's own tests against a worker of ours in a process of its own, on a Redis of their own, and on a RabbitMQ's virtual host if asked to. */
export class CelerySuite implements AsyncDisposable {
  /** Resolves when all tests are through. */
  readonly ended: Promise<void>;
  readonly #server: RedisServer;
  readonly #vhost: RabbitVhost | undefined;
  readonly #pytest: ChildProcess;
  readonly #outcomes = new Map<string, SuiteOutcome>();
  readonly #tell: (outcome: SuiteOutcome) => void;
  #log = "";
  #waiting: (() => void) | undefined;
  #isOver = false;

  /** The names of the tests that pytest's arguments select: `test_inspect.py::test_Inspect::test_ping`. */
  static async tests(args: readonly string[]): Promise<readonly string[]> {
    const collect = pytest("--collect-only", "--quiet", "--no-summary", ...args);
    const env = environment({ TEST_BROKER: "redis://", TEST_BACKEND: "redis://" });
    const lines = await output(pythonOf(CELERY_TOOLS), collect, { env, cwd: celerySource() });
    return lines.split("\n").flatMap((line) => (line.includes("::") ? shortName(line) : []));
  }

  /** Runs the tests that pytest's arguments select. */
  static async start(
    args: readonly string[],
    { broker = "redis", tell = () => {} }: SuiteOptions = {},
  ): Promise<CelerySuite> {
    const server = await RedisServer.start();
    const vhost = broker === "rabbitmq" ? await RabbitVhost.open() : undefined;
    await vhost?.trace();
    return new CelerySuite(server, vhost, args, tell);
  }

  private constructor(
    server: RedisServer,
    vhost: RabbitVhost | undefined,
    args: readonly string[],
    tell: (outcome: SuiteOutcome) => void,
  ) {
    this.#server = server;
    this.#vhost = vhost;
    this.#tell = tell;
    const child = spawn(pythonOf(CELERY_TOOLS), pytest(...TIMEOUT, "--tb=short", "-vv", ...args), {
      cwd: celerySource(),
      env: environment(placeOf(server, vhost)),
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    this.#pytest = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#log += text));
    createInterface(child.stdio[3] as Readable).on("line", (line) => this.#note(JSON.parse(line) as SuiteOutcome));
    this.ended = once(child, "close").then(() => this.#end());
  }

  /** What pytest and the worker have said. */
  get log(): string {
    return this.#log;
  }

  /** What became of a test, once it is through. */
  async outcome(name: string): Promise<SuiteOutcome> {
    for (;;) {
      const outcome = this.#outcomes.get(name);
      if (outcome !== undefined) return outcome;
      if (this.#isOver) throw new Error(`pytest has not run ${name}:\n${this.#log}`);
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  /** Pytest stops its worker when it is interrupted. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#pytest.kill("SIGINT");
    await this.ended;
    await this.#vhost?.[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }

  #note(told: SuiteOutcome): void {
    const outcome = { ...told, name: shortName(told.name) };
    this.#outcomes.set(outcome.name, outcome);
    this.#tell(outcome);
    this.#waiting?.();
  }

  #end(): void {
    this.#isOver = true;
    this.#waiting?.();
  }
}

function pytest(...args: readonly string[]): readonly string[] {
  const plugins = PLUGINS.flatMap((plugin) => ["-p", plugin]);
  const settings = SETTINGS.flatMap((setting) => ["-o", setting]);
  const ignored = NOT_COLLECTED.map((name) => `--ignore=${FOLDER}${name}`);
  return ["-m", "pytest", ...plugins, ...settings, ...ignored, ...inFolder(args)];
}

/** Files are named without their folder; where none is, all are meant. */
function inFolder(args: readonly string[]): readonly string[] {
  const placed = args.map((arg) => (/^test_\w+\.py/.test(arg) ? `${FOLDER}${arg}` : arg));
  return placed.some((arg) => arg.startsWith(FOLDER)) ? placed : [FOLDER, ...placed];
}

function shortName(nodeId: string): string {
  return nodeId.slice(FOLDER.length);
}

function placeOf({ url, port, pid }: RedisServer, vhost: RabbitVhost | undefined): NodeJS.ProcessEnv {
  return {
    TEST_BROKER: vhost?.url ?? url,
    TEST_BACKEND: url,
    REDIS_HOST: "127.0.0.1",
    REDIS_PORT: String(port),
    REDIS_PID: String(pid),
  };
}

function environment(place: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...place,
    PYTHONPATH: HERE,
    PYTHONDONTWRITEBYTECODE: "1",
    PYTEST_DISABLE_PLUGIN_AUTOLOAD: "1",
    WORKER: WORKER_COMMAND,
    CONF_NODENAME: "foreign@here",
    CONF_CONCURRENCY: "1",
    LEFT_OUT: JSON.stringify(isOnRabbitMq(place) ? { ...LEFT_OUT, ...LEFT_OUT_ON_RABBITMQ } : LEFT_OUT),
  };
}

function isOnRabbitMq({ TEST_BROKER: broker = "" }: NodeJS.ProcessEnv): boolean {
  return broker.startsWith("amqp");
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

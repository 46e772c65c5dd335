import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startProgram, type Child } from "../child.ts";

/** Where the tests keep the Pythons that they have made. */
const CACHE = join(import.meta.dirname, "../../.cache");
/** Names another, for the tests too. */
const VARIABLE = "CELERIAC_TEST_PYTHON";

export interface CeleryOptions {
  readonly url: string;
  readonly keepsResults: boolean;
  /** Whether a worker tells of its tasks. @default false */
  readonly tellsEvents?: boolean | undefined;
  /** Whether a line tells when each task starts, by the monotonic clock in nanoseconds. */
  readonly tellsStarts?: boolean;
  /** Whether each send waits until RabbitMQ has confirmed it. */
  readonly confirms?: boolean;
}

/** The path of a Python that has Celery; undefined where there is none. */
function findPython(): string | undefined {
  const named = process.env[VARIABLE];
  if (named !== undefined && named !== "") return named;
  const made = existsSync(CACHE) ? readdirSync(CACHE).filter((name) => /^python-celery-.*redis/.test(name)) : [];
  return made
    .toSorted()
    .map((name) => join(CACHE, name, "bin/python"))
    .findLast((path) => existsSync(path));
}

export function lacksCelery(): string | undefined {
  if (findPython() !== undefined) return undefined;
  return `there is no Python with Celery; \`npm test -- --only interop\` makes one, and ${VARIABLE} can name one.`;
}

/** Sends what it is told to. */
export function startProducer(options: CeleryOptions): Promise<Child> {
  return startPython([join(import.meta.dirname, "producer.py")], options);
}

/** Prefork, with a child for each core. */
export function startCelery(options: CeleryOptions): Promise<Child> {
  const events = options.tellsEvents === true ? ["-E"] : [];
  return startPython(["-m", "celery", "-A", "bench_app", "worker", "-P", "prefork", "-c", "2", ...events], options);
}

/** Reads so many events. */
export function startMonitor(options: CeleryOptions, events: number): Promise<Child> {
  return startPython([join(import.meta.dirname, "monitor.py")], options, { BENCH_EVENTS: String(events) });
}

/** In a process and its children, shared pages counted once, in MiB; Linux tells. */
export function memoryOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
  return kilobytes / 1024 + children.reduce((sum, child) => sum + memoryOf(Number(child)), 0);
}

function startPython(args: readonly string[], options: CeleryOptions, more: object = {}): Promise<Child> {
  return startProgram(findPython() ?? "python3", args, {
    ...more,
    BENCH_URL: options.url,
    BENCH_KEEPS_RESULTS: String(options.keepsResults),
    BENCH_TELLS_STARTS: String(options.tellsStarts === true),
    BENCH_CONFIRMS: String(options.confirms === true),
    PYTHONPATH: import.meta.dirname,
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
  });
}

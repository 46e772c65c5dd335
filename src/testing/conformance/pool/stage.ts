import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeTask } from "../../../message/decode-task.ts";
import { decodeJson, type EncodedJson } from "../../../message/json.ts";
import { encodeTask } from "../../../message/protocol-v2.ts";
import { NO_FOLLOW_UPS, type TaskRequest } from "../../../message/task-request.ts";
import { Ending } from "../../../util/ending.ts";
import type { Pool, PoolJob, PoolOutcome, RunOptions } from "../../../pool/pool.ts";
import type { Clock } from "../../../util/clock.ts";
import type { LogFields, Logger } from "../../../util/logger.ts";
import { siblingModule } from "../../../util/sibling-module.ts";
import { eventually, inTime } from "../waiting.ts";

/** What a pool of the suite is to be. */
export interface PoolWanted {
  readonly size: number;
  /** URL of the module whose export `app` has the tasks. */
  readonly appModule: string;
  readonly log: Logger;
  readonly maxTasksPerChild?: number;
  readonly maxMemoryPerChildBytes?: number;
  readonly onWornOut?: () => void;
}

/** This file's neighbour, in sources and compiled. */
const TASKS = siblingModule("./tasks", import.meta.url).href;

export interface LoggedLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

const WARM_MS = 50;

/** Opens pools, and runs the suite's tasks in them. */
export class PoolStage implements AsyncDisposable {
  readonly clock: Clock;
  /** What the pools were told to log. */
  readonly logged: LoggedLine[] = [];
  readonly #createPool: (wanted: PoolWanted) => Pool;
  readonly #pools: Pool[] = [];
  readonly #directory: string = mkdtempSync(join(tmpdir(), "celeriac-pool-"));

  constructor(createPool: (wanted: PoolWanted) => Pool, clock: Clock) {
    this.#createPool = createPool;
    this.clock = clock;
  }

  /** A started pool. */
  async open(wanted: Partial<PoolWanted> = {}): Promise<Pool> {
    const pool = this.create(wanted);
    await this.inTime(pool.start(), "the pool starts");
    return pool;
  }

  create(wanted: Partial<PoolWanted> = {}): Pool {
    const pool = this.#createPool({ size: 2, appModule: TASKS, log: this.#log, ...wanted });
    this.#pools.push(pool);
    return pool;
  }

  run(pool: Pool, call: Call, options: Partial<RunOptions> = {}): Promise<PoolOutcome> {
    return this.inTime(start(pool, call, options), `${call.task} ends`);
  }

  /** What a task returned; throws when it did not. */
  async valueOf(pool: Pool, call: Call, options: Partial<RunOptions> = {}): Promise<unknown> {
    const outcome = await this.run(pool, call, options);
    if (outcome.kind !== "returned") throw new Error(`${call.task} did not return: ${JSON.stringify(outcome)}`);
    return decodeJson(outcome.value.text);
  }

  /** Has every slot run something, so that none has to be made ready later. */
  async warm(pool: Pool): Promise<void> {
    const calls = Array.from({ length: pool.size }, () => this.run(pool, { task: "sleep", args: [WARM_MS] }));
    await Promise.all(calls);
  }

  /** A file that no other test uses, and that is not there yet. */
  file(ending = ""): string {
    return join(this.#directory, randomUUID() + ending);
  }

  /** What was written to it so far. */
  textOf(path: string): string {
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  inTime<T>(promise: PromiseLike<T>, what: string): Promise<T> {
    return inTime(this.clock, promise, what);
  }

  eventually(check: () => Promise<void> | void): Promise<void> {
    return eventually(this.clock, check);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pool of this.#pools) await pool[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }

  readonly #log: Logger = {
    debug: (message, fields = {}) => void this.logged.push({ level: "debug", message, fields }),
    info: (message, fields = {}) => void this.logged.push({ level: "info", message, fields }),
    warn: (message, fields = {}) => void this.logged.push({ level: "warn", message, fields }),
    error: (message, fields = {}) => void this.logged.push({ level: "error", message, fields }),
  };
}

export interface Call {
  readonly task: string;
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, unknown>>;
}

/** Runs a call for as long as it takes. */
export async function start(pool: Pool, call: Call, options: Partial<RunOptions> = {}): Promise<PoolOutcome> {
  return pool.run(jobOf(call), {
    ending: new Ending(),
    softMs: null,
    hardMs: null,
    onProgress: () => undefined,
    ...options,
  });
}

/** Values that a run reported, decoded. */
export function listener(): { readonly values: readonly unknown[]; readonly onProgress: RunOptions["onProgress"] } {
  const values: unknown[] = [];
  return { values, onProgress: ({ text }: EncodedJson) => void values.push(decodeJson(text)) };
}

/** A call as it comes to a worker. */
function jobOf({ task, args = [], kwargs = {}, headers = {} }: Call): PoolJob {
  const id = randomUUID();
  const request: TaskRequest = {
    id,
    task,
    args,
    kwargs,
    rootId: id,
    parentId: null,
    groupId: null,
    groupIndex: null,
    shadow: null,
    eta: null,
    expires: null,
    retries: 0,
    timeLimit: { softMs: null, hardMs: null },
    argsRepr: "()",
    kwargsRepr: "{}",
    origin: "gen1@suite",
    ignoreResult: false,
    replacedTaskNesting: 0,
    stamps: {},
    headers,
    replyTo: null,
    priority: null,
    followUps: NO_FOLLOW_UPS,
  };
  const message = encodeTask(request);
  const delivery = { queue: "suite", priority: null, redelivered: true, deliveries: 2, fence: 7 };
  return { message, request: decodeTask(message, { accept: ["json"] }), delivery };
}

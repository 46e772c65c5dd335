import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  databaseAt,
  inTransaction,
  type Database,
  type Transaction,
} from "../../../examples/test-results/database/index.ts";
import type { FileRow } from "../../../examples/test-results/database/files.ts";
import type { TaskStatus } from "../../../examples/test-results/api/task-status.ts";
import { runCli, startWorker, type WorkerProcess } from "../../support/cli.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/processes.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
export const APP: string = join(ROOT, "examples/test-results/app.ts");

export interface SystemOptions {
  readonly env?: Readonly<Record<string, string>>;
}

export type Upload = string | Uint8Array | FormData | AsyncIterable<Uint8Array>;

/** The test-results system with a data directory of its own: an API process, and as many workers as are started. */
export class TestResultsSystem implements AsyncDisposable {
  readonly url: string;
  readonly #cli: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };
  readonly #database: Database;
  readonly #closers: (() => Promise<unknown>)[];

  private constructor(parts: {
    readonly url: string;
    readonly directory: string;
    readonly env: Readonly<Record<string, string>>;
    readonly stopApi: () => Promise<unknown>;
  }) {
    this.url = parts.url;
    this.#cli = { cwd: parts.directory, env: parts.env };
    this.#database = databaseAt(parts.env["DATABASE_URL"] ?? `sqlite:${join(parts.directory, "results.db")}`);
    this.#closers = [
      () => rm(parts.directory, { recursive: true, force: true }),
      () => this.#database.close(),
      parts.stopApi,
    ];
  }

  /** Resolves once the API answers. */
  static async start({ env: more = {} }: SystemOptions = {}): Promise<TestResultsSystem> {
    const directory = await mkdtemp(join(tmpdir(), "celeriac-test-results-"));
    const port = await freePort();
    const env = { TEST_RESULTS_DATA: directory, ...more };
    const api = spawn(process.execPath, ["--import", "tsx", "examples/test-results/serve.ts"], {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: "", ...env, PORT: String(port) },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = once(api, "exit");
    const stopApi = (): Promise<unknown> => {
      api.kill("SIGTERM");
      return ended;
    };
    const url = `http://127.0.0.1:${String(port)}`;
    await eventually(() => fetch(`${url}/api/runs`), { timeoutMs: 20_000 });
    return new TestResultsSystem({ url, directory, env, stopApi });
  }

  /** Starts a worker, which disposing the system kills if it is still there. */
  async work(...args: readonly string[]): Promise<WorkerProcess> {
    const worker = await startWorker(["-A", APP, "worker", ...args], this.#cli);
    this.#closers.push(async () => worker[Symbol.asyncDispose]());
    return worker;
  }

  /** The value of a task that is called from a shell. */
  async call(task: string, ...args: readonly unknown[]): Promise<unknown> {
    const name = `test_results.${task}`;
    const { code, stdout, stderr } = await runCli(
      ["-A", APP, "call", name, "-a", JSON.stringify(args), "--wait", "20"],
      this.#cli,
    );
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  }

  upload(report: Upload, name = "report.xml"): Promise<Response> {
    const body = isStream(report) ? ReadableStream.from(report) : report;
    return fetch(`${this.url}/api/imports?name=${name}`, { method: "POST", body, duplex: "half" });
  }

  /** Uploads a report and waits for its import to end. */
  async import(report: Upload, name?: string, timeoutMs = 30_000): Promise<Imported> {
    const { id, status_url } = await this.accepted(await this.upload(report, name));
    const status = await this.ended(status_url, timeoutMs);
    return { ...status, file: await this.get<FileRow>(`/api/imports/${id}`) };
  }

  async accepted(
    response: Response,
  ): Promise<{ readonly id: string; readonly task_id: string; readonly status_url: string }> {
    if (response.status !== 202) throw new Error(`${String(response.status)} ${await response.text()}`);
    return (await response.json()) as { id: string; task_id: string; status_url: string };
  }

  async ended(statusUrl: string, timeoutMs = 30_000): Promise<TaskStatus> {
    return eventually(
      async () => {
        const response = await fetch(this.url + statusUrl);
        const body = (await response.json()) as TaskStatus["body"];
        if (response.status === 206) throw new Error(`${statusUrl} is ${body.state} still.`);
        return { code: response.status as TaskStatus["code"], body };
      },
      { timeoutMs },
    );
  }

  async get<T>(path: string): Promise<T> {
    return (await (await fetch(this.url + path)).json()) as T;
  }

  sql<Row extends object>(
    text: TemplateStringsArray,
    ...values: readonly (string | number | null)[]
  ): Promise<readonly Row[]> {
    return this.transaction((db) => db.sql<Row>(text, ...values));
  }

  transaction<T>(work: (db: Transaction) => Promise<T>): Promise<T> {
    return inTransaction(this.#database, work);
  }

  /** How many rows the tables hold. */
  async counts(): Promise<{ readonly files: number; readonly runs: number; readonly results: number }> {
    const [row] = await this.sql<{ files: number; runs: number; results: number }>`
      SELECT (SELECT CAST(count(*) AS integer) FROM files) AS files, (SELECT CAST(count(*) AS integer) FROM runs) AS runs,
        (SELECT CAST(count(*) AS integer) FROM results) AS results`;
    return row ?? { files: -1, runs: -1, results: -1 };
  }

  /** The file of the broker and the results. */
  get brokerFile(): string {
    return join(this.#cli.cwd, "celeriac.db");
  }

  /** Names in the directory of uploads. */
  storedUploads(): Promise<readonly string[]> {
    return readdir(join(this.#cli.cwd, "uploads")).catch(() => []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
  }
}

export interface Imported extends TaskStatus {
  readonly file: FileRow;
}

function isStream(report: Upload): report is AsyncIterable<Uint8Array> {
  return typeof report === "object" && Symbol.asyncIterator in report;
}

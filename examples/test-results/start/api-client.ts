import { setTimeout as sleep } from "node:timers/promises";
import type { TaskStatus } from "../api/task-status.ts";
import type { RunRow } from "../database/runs.ts";
import type { ImportOutcome } from "../import/import-file.ts";

const POLL_MS = 20;
const LONGEST_TASK_MS = 60_000;

export interface Import {
  readonly taskId: string;
  readonly state: string;
  readonly outcome: ImportOutcome | undefined;
  readonly error: string | undefined;
  /** From the upload to the end of the task. */
  readonly ms: number;
}

/** The API as any client sees it: over HTTP. */
export class ApiClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Uploads a report and waits for its import to end. */
  async import(name: string, report: Uint8Array<ArrayBuffer>): Promise<Import> {
    const begun = performance.now();
    const response = await fetch(`${this.#url}/api/imports?name=${encodeURIComponent(name)}`, {
      method: "POST",
      body: report,
    });
    if (response.status !== 202)
      throw new Error(`Upload of ${name}: ${String(response.status)} ${await response.text()}`);
    const { task_id: taskId, status_url } = (await response.json()) as {
      readonly task_id: string;
      readonly status_url: string;
    };
    const { state, result, error } = await this.#ended(status_url);
    return {
      taskId,
      state,
      outcome: result as ImportOutcome | undefined,
      error: error && `${error.type}: ${error.message}`,
      ms: Math.round(performance.now() - begun),
    };
  }

  async runs(): Promise<readonly RunRow[]> {
    const response = await fetch(`${this.#url}/api/runs?limit=1000`);
    return ((await response.json()) as { readonly runs: readonly RunRow[] }).runs;
  }

  async #ended(statusUrl: string): Promise<TaskStatus["body"]> {
    const deadline = performance.now() + LONGEST_TASK_MS;
    while (performance.now() < deadline) {
      const response = await fetch(this.#url + statusUrl);
      const body = (await response.json()) as TaskStatus["body"];
      if (response.status !== 206) return body;
      await sleep(POLL_MS);
    }
    throw new Error(`No worker ended ${statusUrl} in a minute.`);
  }
}

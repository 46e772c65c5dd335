import { stat } from "node:fs/promises";
import type { Adapter } from "../adapters/adapter.ts";
import type { Celeriac } from "../app/celeriac.ts";
import { ResultBackendUnavailableError } from "../backend/errors.ts";
import { BrokerUnavailableError } from "../broker/errors.ts";
import { UsageError } from "./errors.ts";

/** Throws UsageError when the broker is in this process's memory: no worker would see what is sent, and it ends with the command. */
export function requireSharedBroker({ config: { broker, taskAlwaysEager } }: Celeriac): void {
  if (!isMemory(broker) || taskAlwaysEager) return;
  throw new UsageError(
    "The broker is memory:, which no other process sees, and which ends with this one: " +
      "give -b or CELERY_BROKER_URL, for example sqlite:celeriac.db or redis://localhost:6379/0.",
  );
}

/** For commands that only look, which must not leave an empty file behind. Rejects with UsageError and BrokerUnavailableError. */
export async function requireBrokerFile(app: Celeriac): Promise<void> {
  requireSharedBroker(app);
  const { broker } = app.config;
  const problem = await problemOf(broker);
  if (problem !== undefined) throw new BrokerUnavailableError(urlOf(broker), problem);
}

/** Throws UsageError when no process keeps the app's results, or none but this one. `what` needs them. */
export function requireResults({ config: { resultBackend, taskAlwaysEager } }: Celeriac, what: string): void {
  if (resultBackend !== undefined && (!isMemory(resultBackend) || taskAlwaysEager)) return;
  const place = resultBackend === undefined ? "" : ", and memory: is one that no other process sees";
  throw new UsageError(
    `${what} needs the place where results are kept${place}: give --result-backend or CELERY_RESULT_BACKEND.`,
  );
}

/** For commands that only look. Rejects with ResultBackendUnavailableError. */
export async function requireResultFile({ config: { resultBackend } }: Celeriac): Promise<void> {
  if (resultBackend === undefined) return;
  const problem = await problemOf(resultBackend);
  if (problem !== undefined) throw new ResultBackendUnavailableError(urlOf(resultBackend), problem);
}

async function problemOf(place: string | Adapter): Promise<string | undefined> {
  const [, path] = /^sqlite:(?!\/\/)(.+)$/is.exec(urlOf(place)) ?? [];
  if (path === undefined || !(await isMissing(path))) return undefined;
  return `there is no file ${path} in ${process.cwd()}; nothing was sent there yet.`;
}

async function isMissing(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT",
  );
}

function isMemory(place: string | Adapter): boolean {
  return urlOf(place).toLowerCase().startsWith("memory:");
}

function urlOf(place: string | Adapter): string {
  return typeof place === "string" ? place : place.url;
}

import { stat } from "node:fs/promises";
import type { Adapter } from "../adapters/adapter.ts";
import type { Celeriac } from "../app/celeriac.ts";
import { ResultBackendUnavailableError } from "../backend/errors.ts";
import { BrokerUnavailableError } from "../broker/errors.ts";

/** For commands that only look, which must not leave an empty file behind. Rejects with BrokerUnavailableError. */
export async function requireBrokerFile({ config: { broker } }: Celeriac): Promise<void> {
  const problem = await problemOf(broker);
  if (problem !== undefined) throw new BrokerUnavailableError(urlOf(broker), problem);
}

/** The same for the place of results. Rejects with ResultBackendUnavailableError. */
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

function urlOf(place: string | Adapter): string {
  return typeof place === "string" ? place : place.url;
}

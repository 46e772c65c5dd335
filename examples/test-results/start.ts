import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ApiClient } from "./start/api-client.ts";
import { fact, heading, say } from "./start/screen.ts";
import { startWorker } from "./start/worker-process.ts";

const { values: options } = parseArgs({
  options: {
    /** Ends after the demonstration instead of staying up. */
    exit: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
  },
});

const stopped = new Promise<"stopped">((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve("stopped"));
});

const dataDir = await mkdtemp(join(tmpdir(), "test-results-"));
const workerLog = join(dataDir, "worker.log");
process.env["TEST_RESULTS_DATA"] = dataDir;

// Only now, since they read the environment.
const { serveApi } = await import("./api/server.ts");
const { demonstrate } = await import("./start/demonstration.ts");

const api = await serveApi({ port: Number(options.port) });
const worker = startWorker(workerLog);

heading("Celeriac: the test-results system");
fact("api", api.url);
fact("worker", `pid ${String(worker.pid)}: ${worker.command}`);
fact("data", dataDir);

const problem = await run();
await worker.stop();
await api.close();
if (problem !== undefined) say(`\n${problem}\n\nThe worker's log:\n${await readFile(workerLog, "utf8")}`);
await rm(dataDir, { recursive: true, force: true });
process.exitCode = problem === undefined ? 0 : 1;

/** Resolves with what went wrong, if anything did, once there is nothing more to do. */
async function run(): Promise<string | undefined> {
  const lost = worker.ended.then((code) => `The worker ended by itself, with exit code ${String(code)}.`);
  const untilStopped = Promise.race([stopped.then(() => undefined), lost]);
  const problems = await Promise.race([demonstrate(new ApiClient(api.url)), untilStopped]);
  if (problems === undefined || typeof problems === "string") return problems;
  if (problems.length > 0) return problems.map((line) => `NOT AS IT SHOULD BE: ${line}`).join("\n");
  if (options.exit) return undefined;

  say(`\nOpen ${api.url}, or upload a report of your own:`);
  say(`  curl -F file=@report.xml ${api.url}/api/imports`);
  say("Ctrl-C stops the worker and the API.");
  return untilStopped;
}

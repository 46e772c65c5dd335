import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openCliBed, type CliBed } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

const TASKS = `
  import { setTimeout } from "node:timers/promises";
  app.task("test.version", () => "old");
  app.task("test.sleep", { bind: true, params: ["ms"] }, async (task, ms: number) => {
    await setTimeout(ms, undefined, { signal: task.signal });
    return "slept";
  });
`;
const NODE = "w1@here";
const PATIENCE = { timeoutMs: 20_000 };

let bed: CliBed;
beforeEach(async () => {
  bed = await openCliBed(TASKS);
});
afterEach(() => bed[Symbol.asyncDispose]());

/** What the worker answers to `celeriac inspect …` or `celeriac control …`. */
async function ask(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await bed.withApp(...args, "-d", NODE, "--json", "-t", "10");
  return (JSON.parse(stdout) as Readonly<Record<string, unknown>>)[NODE];
}

it("`worker --autoscale` runs as many at once as there is work for, and `control autoscale` changes that", async () => {
  const worker = await bed.worker(["-n", NODE, "--autoscale", "4,2"]);
  expect(worker.log[0]).toMatchObject({ msg: "starting", concurrency: 2, autoscale: { max: 4, min: 2 } });
  const calls = Array.from({ length: 6 }, () => bed.producer.sendTask("test.sleep", { args: [60_000] }));
  await Promise.all(calls);
  await eventually(() => {
    expect(worker.log).toContainEqual(expect.objectContaining({ msg: "scaled", from: 2, to: 4 }));
  }, PATIENCE);
  expect(await ask("inspect", "stats")).toMatchObject({ autoscaler: { max: 4, min: 2, current: 4, qty: 4 } });
  expect(await ask("control", "autoscale", "3", "1")).toEqual({ ok: "autoscale now max=3 min=1" });
  expect(await ask("control", "pool_grow")).toMatchObject({ error: expect.stringContaining("autoscale") as unknown });
  expect(await worker.stop("SIGQUIT")).toBe(6);
});

it("`worker --autoscale` refuses what is no range", async () => {
  for (const range of ["many", "1,2,3", "0,0"]) {
    const refused = await bed.withApp("worker", "--autoscale", range);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--autoscale must be MAX,MIN") as unknown,
    });
  }
});

it("`control time_limit` and `control revoke_by_stamped_headers` take what Celery's take", async () => {
  await bed.worker(["-n", NODE]);
  expect(await ask("control", "time_limit", "test.sleep", "0.2", "30")).toEqual({ ok: "time limits set successfully" });
  const warned = await bed.producer.sendTask("test.sleep", { args: [60_000] });
  await expect(warned.get(PATIENCE)).rejects.toThrow();
  const wrong = await bed.withApp("control", "time_limit", "test.sleep", "soon");
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("soft must be a number") as unknown });
  expect(await ask("control", "revoke_by_stamped_headers", "run=a", "run=b", "x=1")).toEqual({
    ok: "headers {'run': ['a', 'b'], 'x': '1'} flagged as revoked, but not terminated",
  });
});

it("`control pool_restart` brings the app's new code into the children", async () => {
  const env = { CELERY_WORKER_POOL_RESTARTS: "1" };
  const worker = await bed.worker(["-n", NODE, "-P", "processes", "-c", "1"], { env });
  const version = async () => (await bed.producer.sendTask("test.version")).get(PATIENCE);
  expect(await version()).toBe("old");
  const app = join(bed.directory, "app.ts");
  await writeFile(app, (await readFile(app, "utf8")).replace('"old"', '"new"'));
  expect(await version()).toBe("old");
  expect(await ask("control", "pool_restart")).toEqual({ ok: "reload started" });
  await eventually(() => expect(worker.log.map(({ msg }) => msg)).toContain("pool restarted"), PATIENCE);
  expect(await version()).toBe("new");
});

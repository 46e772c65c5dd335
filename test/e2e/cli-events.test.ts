import { expect, it } from "vitest";
import { openCliBed } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

const TASKS = `app.task("test.add", { params: ["x", "y"] }, (x: number, y: number) => x + y);`;
const EVENTFUL = ["-n", "w@test", "-E", "--heartbeat-interval", "0.2"];

it("`celeriac events --dump` prints a line for each event, until Ctrl-C", async () => {
  await using bed = await openCliBed(TASKS);
  await bed.worker(EVENTFUL);
  const dump = await bed.running("events", "--dump");
  const lines = (): readonly string[] => dump.output.stdout.split("\n");
  await eventually(() => expect(dump.output.stdout).toMatch(/^w@test \[.*\] heartbeat: .*freq=0.2, /m));
  const id = (await bed.withApp("call", "test.add", "-a", "[1, 2]")).stdout.trim();
  await eventually(() => expect(lines().filter((line) => line.includes(id))).toHaveLength(3));
  const [received, started, succeeded] = lines().filter((line) => line.includes(id));
  const call = `test.add(${id}) args=(1, 2) kwargs={} `;
  expect(lines()[0]).toBe("-> evdump: starting capture...");
  expect(received).toMatch(/ task received: test\.add/);
  expect(started).toContain(` task started: ${call}`);
  expect(succeeded).toContain(` task succeeded: ${call}`);
  expect(succeeded).toContain("result=3, ");
  expect(await dump.stop("SIGINT")).toBe(0);
  expect(dump.output.stderr).toBe("");
});

it("`celeriac events --json` prints each as JSON, also the worker's farewell", async () => {
  await using bed = await openCliBed(TASKS);
  const worker = await bed.worker(EVENTFUL);
  const events = await bed.running("events", "--json");
  await worker.stop();
  await eventually(() => expect(events.output.stdout).toContain("worker-offline"));
  expect(await events.stop()).toBe(0);
  const all = events.output.stdout.trimEnd().split("\n");
  expect(all.map((line) => JSON.parse(line) as unknown)).toContainEqual(
    expect.objectContaining({ hostname: "w@test", type: "worker-offline", active: 0, sw_ident: "celeriac" }),
  );
});

it("a worker without heartbeats is silent", async () => {
  await using bed = await openCliBed(TASKS);
  await using monitor = await bed.producer.events();
  const worker = await bed.worker(["--without-heartbeat", "-E"]);
  await (await bed.producer.sendTask("test.add", { args: [1, 2] })).get({ timeoutMs: 20_000 });
  await worker.stop();
  const types: string[] = [];
  for await (const { type } of monitor) if (types.push(type) === 3) break;
  expect(types).toEqual(["task-received", "task-started", "task-succeeded"]);
});

it("how events are shown has to be said, and where they come from has to be there", async () => {
  await using bed = await openCliBed(TASKS);
  const unsaid = await bed.withApp("events");
  expect(unsaid).toMatchObject({ code: 2, stdout: "" });
  expect(unsaid.stderr).toContain("celeriac events --dump");
  expect(await bed.celeriac("-b", "sqlite:nowhere.db", "events", "-d")).toMatchObject({ code: 1, stdout: "" });
});

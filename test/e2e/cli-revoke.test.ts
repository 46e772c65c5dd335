import { expect, it } from "vitest";
import { openCliBed, type CliBed } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

const TASKS = `
  import { setTimeout } from "node:timers/promises";
  app.task("test.sleep", { bind: true, params: ["ms"] }, async (task, ms: number) => {
    await setTimeout(ms, undefined, { signal: task.signal });
    return "slept";
  });
`;

async function send(bed: CliBed, ms: number): Promise<string> {
  return (await bed.withApp("call", "test.sleep", "-a", `[${ms}]`)).stdout.trim();
}

it("a task that is revoked while no worker is up never starts", async () => {
  await using bed = await openCliBed(TASKS);
  const [revoked, other] = [await send(bed, 0), await send(bed, 0)];
  expect(await bed.withApp("revoke", revoked)).toEqual({
    code: 0,
    stdout: "Marked 1 task id as revoked: what has not started will not, what runs goes on.\n",
    stderr: "",
  });
  await bed.worker();
  expect(await bed.withApp("result", other, "--wait", "20")).toMatchObject({ code: 0, stdout: '"slept"\n' });
  expect(await bed.withApp("result", revoked, "--wait", "20")).toMatchObject({ code: 4, stdout: "" });
});

it("a run that is under way is ended by --terminate", async () => {
  await using bed = await openCliBed(TASKS);
  const worker = await bed.worker(["-l", "debug"]);
  const id = await send(bed, 60_000);
  await eventually(() => expect(worker.log.map(({ msg }) => msg)).toContain("task received"));
  expect(await bed.withApp("revoke", id, "--terminate", "--json")).toMatchObject({
    code: 0,
    stdout: `{"revoked":["${id}"]}\n`,
  });
  expect(await bed.withApp("result", id, "--wait", "20")).toMatchObject({ code: 4 });
  expect(await worker.stop()).toBe(0);
});

it("nothing is revoked where there is no broker yet", async () => {
  await using bed = await openCliBed(TASKS);
  expect(await bed.celeriac("-b", "sqlite:nowhere.db", "revoke", "some-id")).toMatchObject({ code: 1, stdout: "" });
});

import { expect, it } from "vitest";
import { openCliBed } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

const TASKS = `app.task("test.echo", { params: ["what"] }, (what: string) => what);`;

it("a queue is paused and resumed for all workers, those that start later too, and tells who did it and why", async () => {
  await using bed = await openCliBed(TASKS);
  const early = await bed.worker(["-n", "early@here"]);
  const paused = await bed.withApp("queues", "pause", "celery", "--reason", "the shop is closed");
  expect(paused).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^celery: paused since \d.*Z by \S+@\S+: the shop is closed\n$/) as unknown,
    stderr: "",
  });
  await eventually(() =>
    expect(early.log).toContainEqual(
      expect.objectContaining({ msg: "queue paused, nothing is taken from it", queue: "celery" }),
    ),
  );
  const { stdout: id } = await bed.withApp("call", "test.echo", "-a", '["open"]');
  const late = await bed.worker(["-n", "late@here"]);
  expect((await bed.celeriac("-b", "sqlite:celeriac.db", "queues")).stdout).toMatch(
    /^name +ready .*\ncelery +1 +0 +0 +[12] +paused since .*: the shop is closed\n$/,
  );
  const told = JSON.parse((await bed.withApp("queues", "--json")).stdout) as { readonly queues: readonly unknown[] };
  expect(told.queues).toEqual([
    expect.objectContaining({
      name: "celery",
      ready: 1,
      paused: {
        since: expect.any(String) as string,
        by: expect.stringContaining("@") as string,
        reason: "the shop is closed",
      },
    }),
  ]);
  const again = await bed.withApp("queues", "pause", "celery", "--json", "--reason", "another");
  expect(JSON.parse(again.stdout)).toMatchObject({ paused: { celery: { reason: "the shop is closed" } } });
  expect(await early.stop()).toBe(0);

  expect(await bed.withApp("queues", "resume", "celery", "never-paused")).toEqual({
    code: 0,
    stdout: "celery: resumed\nnever-paused: was not paused\n",
    stderr: "",
  });
  expect(await bed.withApp("result", id.trim(), "--wait", "20")).toMatchObject({ code: 0, stdout: '"open"\n' });
  expect(late.log.map(({ msg }) => msg)).toContain("queue resumed");
  expect(JSON.parse((await bed.withApp("queues", "resume", "celery", "--json")).stdout)).toEqual({
    resumed: [],
    notPaused: ["celery"],
  });
});

it("a queue that is not there is not paused, and none where there is no broker yet", async () => {
  await using bed = await openCliBed(TASKS);
  await bed.withApp("call", "test.echo", "-a", '["x"]');
  expect(await bed.withApp("queues", "pause", "celry")).toEqual({
    code: 1,
    stdout: "",
    stderr: 'celeriac: There is no queue "celry"; there are celery.\n',
  });
  expect(await bed.celeriac("-b", "sqlite:nowhere.db", "queues", "pause", "celery")).toMatchObject({ code: 1 });
  expect(await bed.celeriac("-b", "sqlite:celeriac.db", "queues", "pause")).toMatchObject({ code: 2, stdout: "" });
});

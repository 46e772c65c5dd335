import { describe, expect, it } from "vitest";
import { openCliBed, type CliBed } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { HAS_REDIS, RedisServer } from "../support/redis.ts";
import { HAS_TERMINAL, TerminalCommand } from "../support/terminal.ts";

const TASKS = `
  app.task("test.hold", async (seconds: number, note?: string) => {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return note;
  });
  app.task("test.fail", () => { throw new TypeError("no such thing"); });`;
const TOP = ["-A", "app.ts", "top"];
/** What a terminal would obey: it clears the screen, and sets the title. */
const STEERING = "\u001b[2J\u001b]0;owned\u0007\u009b31m";

async function openBed(...options: readonly string[]): Promise<CliBed> {
  const bed = await openCliBed(TASKS);
  await bed.worker(["-n", "w@test", "-c", "3", "-Q", "celery,more", "--heartbeat-interval", "0.2", ...options]);
  return bed;
}

async function holdOne(bed: CliBed, note: string): Promise<string> {
  const { id } = await bed.producer.sendTask("test.hold", { args: [60, note], publishTimeoutMs: 20_000 });
  await eventually(async () => {
    const active = [...(await bed.producer.control.ask("active", {}, { limit: 1 })).values()];
    expect(JSON.stringify(active)).toContain(id);
  });
  return id;
}

describe("`celeriac top`", () => {
  it("--json prints how it is now, also of a task that began before", async () => {
    await using bed = await openBed();
    const id = await holdOne(bed, STEERING);
    const { stdout, stderr, code } = await bed.withApp("top", "--json");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });

    expect(stdout.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(JSON.parse(stdout)).toMatchObject({
      broker: "sqlite:celeriac.db",
      time: expect.any(Number) as number,
      workers: [{ hostname: "w@test", state: "up", active: 1, size: 3, processed: 1, swIdent: "celeriac" }],
      queues: [
        { name: "celery", ready: 0, delayed: 0, unacked: 1, consumers: 1 },
        { name: "more", consumers: 1 },
      ],
      running: [
        { uuid: id, name: "test.hold", state: "STARTED", worker: "w@test", started: expect.any(Number) as number },
      ],
    });
    const [enabled] = [...(await bed.producer.control.ask("enable_events", {}, { limit: 1 })).values()];
    expect(enabled).toEqual({ ok: "task events enabled" });
  });

  it("--once prints it as text, and so does `top` where there is no terminal", async () => {
    await using bed = await openBed();
    const id = await holdOne(bed, STEERING);
    for (const args of [["top", "--once"], ["top"]]) {
      const { stdout, code } = await bed.withApp(...args);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^celeriac top {2}sqlite:celeriac\.db {2}\d{4}-\d\d-\d\d /);
      expect(stdout).toMatch(/^w@test {2}up \d+s +1\/3 +1 +\d+\.\d\d +0s ago +\d+ {2}celeriac \d/m);
      expect(stdout).toMatch(/^celery +0 +0 +1 +1$/m);
      expect(stdout).toContain(`test.hold  ${id}  STARTED  w@test`);

      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    }
  });

  it("tells of a broker that is not there", async () => {
    await using bed = await openCliBed(TASKS);
    const nowhere = await bed.celeriac("-b", "sqlite:nowhere.db", "top", "--once");
    expect(nowhere).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("nowhere.db") as string });
    const inMemory = await bed.celeriac("-b", "memory:", "top");
    expect(inMemory).toMatchObject({ code: 2, stdout: "" });
  });
});

describe.skipIf(!HAS_TERMINAL)("`celeriac top` in a terminal", () => {
  it("shows what is there and what happens, obeys keys, and gives the terminal back", async () => {
    await using bed = await openBed();
    const id = await holdOne(bed, STEERING);
    await using top = new TerminalCommand(TOP, bed.directory);
    await top.shows(/^w@test +up \d+s +1\/3/m, /^celery +0 +0 +1 +1$/m, new RegExp(`test\\.hold +${id.slice(0, 8)}`));
    await top.shows(/Task events are on in 1 worker now; off again: celeriac control disable_events/);
    const failed = await bed.producer.sendTask("test.fail");
    await top.shows(/received 1 \(.* failed 1 \(/);
    top.type("r");
    await top.shows(/LATEST TASKS/, new RegExp(`test\\.fail +${failed.id.slice(0, 8)}.* FAILURE +w@test`));
    top.type("p");
    await top.shows(/PAUSED/);
    expect(top.output).toContain("\x1b[?1049h");
    expect(top.output).not.toContain("\x1b[2J");
    expect(top.output).not.toContain("\u009b");
    top.type("q");
    const after = await top.afterwards();
    expect(after).toMatch(/celeriac: task events are on in 1 worker now; off again: celeriac control disable_events/);
    expect(after).toMatch(/exit code 0\r\n/);
    expect(after).toMatch(/ icanon .* echo /s);
    expect(top.output).toMatch(/\x1b\[\?25h\x1b\[\?1049l/);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("gives the terminal back on %s", async (signal) => {
    await using bed = await openBed("-E");
    await using top = new TerminalCommand(TOP, bed.directory);
    await top.shows(/^w@test +up/m);
    await top.signal(signal);
    const after = await top.afterwards();
    expect(after).toMatch(/^\x1b\[\?1049lexit code 0\r\n/);
    expect(after).toMatch(/ icanon .* echo /s);
  });

  it.skipIf(!HAS_REDIS)("says that the broker is away, begun or gone, and goes on once it is back", async () => {
    await using server = await RedisServer.start();
    await server.kill();
    await using bed = await openCliBed(TASKS, server.url);
    await using top = new TerminalCommand([...TOP, "-q"], bed.directory);
    await top.shows(/Broker away, trying again: The broker redis/);
    await server.start();
    await bed.worker(["-n", "w@test", "--heartbeat-interval", "0.2"]);
    const here = [/^w@test +up \d+s/m, /^celery +0 +0 +0 +\d$/m];
    await top.shows(...here);
    await eventually(() => expect(top.screen).not.toContain("Broker away"));
    await server.kill();
    await top.shows(/Broker away, trying again: The broker redis/, /^w@test +gone \d+s without a word/m);
    await server.start();
    await top.shows(...here);
    await eventually(() => expect(top.screen).not.toContain("Broker away"));
    const { id } = await bed.producer.sendTask("test.hold", { args: [60] });
    await top.shows(new RegExp(`test\\.hold +${id.slice(0, 8)}`));
    top.type("\u0003");
    expect(await top.afterwards()).toMatch(/^\x1b\[\?1049lexit code 0\r\n/);
  });
});

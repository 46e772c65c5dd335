import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TaskContext } from "celeriac";
import { deferred } from "../../src/util/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { openTestBed, RESULT_BEDS, type TestBed } from "../support/test-apps.ts";

const NODE = "celeriac@here";
const WAIT = { timeoutMs: 10_000 };

describe.each(RESULT_BEDS)("what runs when it is revoked, on %s", (bedName) => {
  let bed: TestBed;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  it.each([
    ["by remote control, where it runs", false],
    ["by remote control, where it has stored that it has begun", true],
    ["by anybody, where it has stored that it has begun", true],
  ])("ends as it ends, and is at no time said to be revoked: %s", async (how, trackStarted) => {
    const [app, other] = [bed.app(), bed.app()];
    const gate = deferred<string>();
    const wait = app.task("wait", { trackStarted }, () => gate.promise);
    await bed.worker(app, { hostname: NODE });
    const result = await wait.delay();
    const ask = async (method: string, args = {}): Promise<unknown> =>
      (await other.control.ask(method, args, { destination: [NODE], ...WAIT })).get(NODE);
    await eventually(async () => expect(await ask("active")).toHaveLength(1));
    const begun = trackStarted ? "STARTED" : "PENDING";
    await eventually(async () => expect(await result.state()).toBe(begun));
    if (how.startsWith("by anybody")) await other.revoke([result.id]);
    else
      expect(await ask("revoke", { task_id: result.id })).toEqual({ ok: `tasks {'${result.id}'} flagged as revoked` });
    expect(await other.result(result.id).state()).toBe(begun);
    gate.resolve("done");
    expect(await result.get(WAIT)).toBe("done");
  });

  it("is stored as revoked once it was ended, where it is terminated", async () => {
    const app = bed.app();
    const wait = app.task("wait", { bind: true, trackStarted: true }, ({ signal }: TaskContext) => {
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    });
    await bed.worker(app, { hostname: NODE });
    const result = await wait.delay();
    await eventually(async () => expect(await result.state()).toBe("STARTED"));
    await bed.app().revoke([result.id], { terminate: true });
    await expect(result.get(WAIT)).rejects.toMatchObject({ name: "TaskRevokedError" });
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { CONTROL_EXCHANGE } from "../../src/control/exchanges.ts";
import { encodeCommand } from "../../src/control/command.ts";
import { PAUSES_CHANGED } from "../../src/app/queue-pauses.ts";
import { deferred } from "../../src/util/deferred.ts";
import { eventually } from "../support/eventually.ts";
import { openTestBed, RESULT_BEDS, type TestBed } from "../support/test-apps.ts";

const WAIT = { timeoutMs: 10_000 };
const NOT_PAUSED = expect.not.objectContaining({ paused: expect.anything() as unknown }) as unknown;
const PAUSED = "queue paused, nothing is taken from it";

describe.each(RESULT_BEDS)("paused queues on %s", (bedName) => {
  let bed: TestBed;
  /** Of another process. */
  let operator: Celeriac;
  beforeEach(async () => {
    bed = await openTestBed(bedName);
    operator = bed.app();
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  /** An app whose task `note` writes down what it is called with. */
  const noting = (seen: unknown[]) => {
    const app = bed.app();
    const note = app.task("note", (what: unknown) => void seen.push(what));
    return { app, note };
  };
  const pausedSince = (queue: string) =>
    bed.log.filter(({ message, fields }) => message === PAUSED && fields["queue"] === queue);

  it("every worker takes nothing more from the queue, other queues go on, and what waits runs after the resume", async () => {
    const seen: unknown[] = [];
    const { app, note } = noting(seen);
    const workers = [
      await bed.worker(app, { queues: ["celery", "mail"] }),
      await bed.worker(noting(seen).app, { queues: ["mail"] }),
    ];
    await operator.pauseQueue("mail", { reason: "the mail server is down", by: "ann@here" });
    await eventually(() => expect(pausedSince("mail")).toHaveLength(workers.length));
    expect(pausedSince("mail")[0]?.fields).toMatchObject({ by: "ann@here", reason: "the mail server is down" });
    await note.applyAsync({ args: ["waits"], queue: "mail" });
    await (await note.delay("goes on")).get(WAIT);
    const broker = await app.broker();
    expect(await broker.inspect("mail")).toMatchObject({ ready: 1, unacked: 0 });
    expect(seen).toEqual(["goes on"]);
    expect(workers[0]?.queues).toEqual(["celery", "mail"]);
    await operator.resumeQueue("mail");
    await eventually(() => expect(seen).toEqual(["goes on", "waits"]));
    await eventually(async () => expect(await broker.inspect("mail")).toMatchObject({ ready: 0, unacked: 0 }));
  });

  it("what a worker has begun it finishes, and what it has not goes back uncounted", async () => {
    const app = bed.app();
    const gate = deferred<undefined>();
    const begun: number[] = [];
    const hold = app.task("hold", { bind: true }, async (context, n: number) => {
      begun.push(n);
      await gate.promise;
      return context.delivery.deliveries;
    });
    await bed.worker(app, { concurrency: 1 });
    const results = [await hold.delay(1), await hold.delay(2)];
    await eventually(() => expect(begun).toEqual([1]));
    await operator.pauseQueue("celery");
    await eventually(() => expect(pausedSince("celery")).toHaveLength(1));
    gate.resolve(undefined);
    expect(await results[0]?.get(WAIT)).toBe(1);
    await eventually(async () =>
      expect(await (await app.broker()).inspect("celery")).toMatchObject({ ready: 1, unacked: 0 }),
    );
    expect(begun).toEqual([1]);
    await operator.resumeQueue("celery");
    expect(await results[1]?.get(WAIT)).toBe(1);
  });

  it("a worker that starts later honours it", async () => {
    await operator.pauseQueue("celery");
    const seen: unknown[] = [];
    const { app, note } = noting(seen);
    await bed.worker(app, { queues: ["celery", "other"] });
    await note.delay("waits");
    await (await note.applyAsync({ args: ["other"], queue: "other" })).get(WAIT);
    expect(seen).toEqual(["other"]);
    await operator.resumeQueue("celery");
    await eventually(() => expect(seen).toEqual(["other", "waits"]));
  });

  it("a paused queue does not expire, and its worker still counts as its consumer", async () => {
    const seen: unknown[] = [];
    const app = bed.app({ taskQueues: [{ name: "brief", expiresMs: 1_000 }], taskDefaultQueue: "brief" });
    const note = app.task("note", (what: unknown) => void seen.push(what));
    await bed.worker(app);
    await app.pauseQueue("brief");
    await eventually(() => expect(pausedSince("brief")).toHaveLength(1));
    await note.delay("waits");
    const broker = await app.broker();
    await app.clock.sleep(3_000);
    expect(await broker.remove("brief", { ifUnused: true })).toBe(false);
    await operator.resumeQueue("brief");
    await eventually(() => expect(seen).toEqual(["waits"]), WAIT);
  });

  it("a worker that missed the broadcast sees it within seconds", async () => {
    const seen: unknown[] = [];
    const { app, note } = noting(seen);
    await bed.worker(app);
    const deaf = bed.app();
    deaf.control.tell = () => Promise.reject(new Error("nobody hears"));
    await deaf.pauseQueue("celery");
    await eventually(() => expect(pausedSince("celery")).toHaveLength(1), WAIT);
    await note.delay("waits");
    await deaf.resumeQueue("celery");
    await eventually(() => expect(seen).toEqual(["waits"]), WAIT);
  });

  it("a paused queue that is added is consumed after its resume, one that is cancelled stays so", async () => {
    const seen: unknown[] = [];
    const { app, note } = noting(seen);
    const worker = await bed.worker(app);
    await operator.pauseQueue("more");
    await worker.addQueue("more");
    expect(worker.queues).toEqual(["celery", "more"]);
    await note.applyAsync({ args: ["more"], queue: "more" });
    await (await note.delay("celery")).get(WAIT);
    expect(seen).toEqual(["celery"]);
    await operator.resumeQueue("more");
    await eventually(() => expect(seen).toEqual(["celery", "more"]));

    await operator.pauseQueue("more");
    await eventually(() => expect(pausedSince("more")).toHaveLength(2));
    worker.cancelQueue("more");
    await note.applyAsync({ args: ["again"], queue: "more" });
    await operator.resumeQueue("more");
    await (await note.delay("last")).get(WAIT);
    expect(worker.queues).toEqual(["celery"]);
    expect(seen).toEqual(["celery", "more", "last"]);
  });

  it("the first to pause a queue is told to all, and each is over once", async () => {
    const first = await operator.pauseQueue("mail", { by: "ann", reason: "full" });
    expect(first).toMatchObject({ by: "ann", reason: "full" });
    expect(await bed.app().pauseQueue("mail", { by: "bob" })).toEqual(first);
    expect(await operator.pauses.read(["celery", "mail"])).toEqual(new Map([["mail", first]]));
    expect(await operator.resumeQueue("mail")).toEqual(first);
    expect(await operator.resumeQueue("mail")).toBeUndefined();
    expect(await operator.pauses.read(["mail"])).toEqual(new Map());
  });

  it("`active_queues` tells it, and the orders of remote control hold for the whole cluster", async () => {
    await bed.worker(bed.app(), { hostname: "a@here" });
    await bed.worker(bed.app(), { hostname: "b@here" });
    const ask = async (method: string, args = {}, destination = ["a@here", "b@here"]) =>
      Object.fromEntries(await operator.control.ask(method, args, { destination, ...WAIT })) as Record<
        string,
        readonly unknown[]
      >;
    expect(await ask("active_queues")).toMatchObject({
      "a@here": [NOT_PAUSED],
      "b@here": [{ name: "celery" }],
    });
    expect(await ask("pause_queue", { queue: "celery", reason: "why" }, ["a@here"])).toEqual({
      "a@here": { ok: "queue celery paused" },
    });
    await eventually(async () => {
      const paused = { by: "remote control", reason: "why", since: expect.any(Number) as number };
      expect(await ask("active_queues")).toMatchObject({
        "a@here": [{ name: "celery", paused }],
        "b@here": [{ paused }],
      });
    });
    expect(await ask("resume_queue", { queue: "celery" }, ["b@here"])).toEqual({
      "b@here": { ok: "queue celery resumed" },
    });
    expect(await ask("resume_queue", { queue: "celery" }, ["b@here"])).toEqual({
      "b@here": { ok: "queue celery not paused" },
    });
    await eventually(async () =>
      expect(await ask("active_queues")).toMatchObject({
        "a@here": [{ name: "celery" }],
        "b@here": [{ name: "celery" }],
      }),
    );
  });

  it("a notice that comes late pauses nothing", async () => {
    const seen: unknown[] = [];
    const { app, note } = noting(seen);
    await bed.worker(app);
    await operator.pauseQueue("celery");
    await operator.resumeQueue("celery");
    const late = encodeCommand(
      { method: PAUSES_CHANGED, arguments: {}, audience: {} },
      { clock: 1, expiresAt: undefined },
    );
    await (await operator.broker()).broadcaster?.broadcast(late, CONTROL_EXCHANGE);
    await (await note.delay("runs")).get(WAIT);
    expect(seen).toEqual(["runs"]);
  });
});

it("a pause needs a place that the whole cluster knows", async () => {
  const { memory } = await import("celeriac/memory");
  const { createKeyStore: _, ...keyless } = memory();
  await using app = new Celeriac({ broker: keyless }, { env: {} });
  await expect(app.pauseQueue("celery")).rejects.toMatchObject({
    code: "CELERIAC_KEYS_UNSUPPORTED",
    message: expect.stringContaining("Queues cannot be paused") as unknown,
  });
});

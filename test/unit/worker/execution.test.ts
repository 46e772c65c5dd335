import { afterEach, describe, expect, it } from "vitest";
import { Celeriac, type TaskContext } from "celeriac";
import { memory } from "celeriac/memory";
import type { TaskMeta } from "../../../src/backend/task-meta.ts";
import type { Delivery } from "../../../src/broker/broker.ts";
import { BrokerUnavailableError, DeliveryLostError } from "../../../src/broker/errors.ts";
import { encodeTask } from "../../../src/message/protocol-v2.ts";
import { NO_FOLLOW_UPS, type SignatureDict } from "../../../src/message/task-request.ts";
import { InlinePool } from "../../../src/pool/inline-pool.ts";
import { runTask } from "../../../src/app/run-task.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { deferred } from "../../../src/util/deferred.ts";
import { execute } from "../../../src/worker/execution.ts";
import type { WorkerParts } from "../../../src/worker/parts.ts";
import { RateLimits } from "../../../src/worker/rate-limits/rate-limits.ts";
import { WorkerStoppedError } from "../../../src/worker/persist.ts";
import { PlacesApart } from "../../../src/worker/places-apart.ts";
import type { RunningTask } from "../../../src/worker/running-task.ts";
import { RevokedIds } from "../../../src/worker/revoked-ids.ts";
import { Revocations } from "../../../src/worker/revocations.ts";
import { TaskEvents } from "../../../src/worker/task-events.ts";
import { TaskTotals } from "../../../src/worker/task-totals.ts";
import { TimeLimits } from "../../../src/worker/time-limits.ts";
import { Roster } from "../../../src/util/roster.ts";
import { recordingLogger } from "../../support/recording-logger.ts";
import { taskRequest } from "../../support/task-request.ts";

const apps: Celeriac[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** One delivery of `task`, whose settling and storing is noted, in the order in which it happens. */
function bench(
  task: (context: TaskContext) => unknown,
  { overtaken = false, chain = [] }: { readonly overtaken?: boolean; readonly chain?: readonly SignatureDict[] } = {},
) {
  const clock = new FakeClock();
  const app = new Celeriac({ broker: memory() }, { env: {}, clock });
  apps.push(app);
  app.resource("tx", { acquire: () => history.push("acquire"), rollback: () => history.push("rollback") });
  app.task("t", { bind: true }, task);
  const history: string[] = [];
  /** How it was asked to be settled, also where that was in vain. */
  const settlings: string[] = [];
  const lost = new AbortController();
  const giveUp = new AbortController();
  const trouble: Error[] = [];
  const { log, lines } = recordingLogger();
  const settle = (how: string) => (): Promise<void> => {
    settlings.push(how);
    if (lost.signal.aborted) return Promise.reject(new DeliveryLostError("q"));
    history.push(how);
    return Promise.resolve();
  };
  const delivery: Delivery = {
    message: encodeTask(taskRequest({ task: "t", followUps: { ...NO_FOLLOW_UPS, chain } })),
    queue: "q",
    deliveries: 1,
    fence: 1,
    get isHeld() {
      return !lost.signal.aborted;
    },
    get isLost() {
      return lost.signal.aborted;
    },
    lost: lost.signal,
    onLost: (listener) => lost.signal.addEventListener("abort", listener),
    ack: settle("ack"),
    requeue: settle("requeue"),
    handBack: settle("hand-back"),
    confirm: () => (lost.signal.aborted ? Promise.reject(new DeliveryLostError("q")) : Promise.resolve()),
    defer: settle("defer"),
    deadLetter: ({ code }) => settle(`dead-letter ${code}`)(),
  };
  const backend = {
    store: (metas: readonly TaskMeta[]) => {
      const error = trouble.shift();
      if (error !== undefined) return Promise.reject(error);
      history.push(...metas.map(({ state }) => `store ${state}`));
      return Promise.resolve(overtaken ? metas.map(({ taskId }) => taskId) : []);
    },
  } as WorkerParts["backend"];
  const { config, tasks, resources, producer } = app;
  const running = new Roster<RunningTask>();
  const parts: WorkerParts = {
    hostname: "w@h",
    config,
    tasks,
    producer,
    backend,
    revocations: new Revocations({ keys: undefined, heard: new RevokedIds(clock), running, clock, log }),
    running,
    placesApart: new PlacesApart(() => undefined),
    totals: new TaskTotals(),
    timeLimits: new TimeLimits(config),
    taskEvents: new TaskEvents({ sendsTaskEvents: false, note: () => undefined }, tasks),
    concurrencyKeys: undefined,
    rateLimits: new RateLimits({ config, keys: undefined, clock, giveUp: giveUp.signal, onHeld: () => undefined }),
    parkedTasks: { park: (parked) => parked.deadLetter({ code: "unknown-task", detail: "" }) },
    pool: new InlinePool({
      size: 1,
      clock,
      runTask: (job, run) => runTask(job, run, { config, tasks, resources, log }),
      softLimitError: () => new Error("soft"),
    }),
    clock,
    log,
    giveUp: giveUp.signal,
  };
  return {
    execution: () => new Promise<boolean>((resolve) => execute(delivery, parts, resolve)),
    history,
    settlings,
    lost,
    giveUp,
    trouble,
    clock,
    lines,
  };
}

describe("an execution", () => {
  it("stores the result before it acknowledges", async () => {
    const { execution, history } = bench(() => 1);
    await execution();
    expect(history).toEqual(["acquire", "store SUCCESS", "ack"]);
  });

  it("whose lease is lost tells its task, commits nothing, and stores nothing", async () => {
    const gate = deferred();
    let seen: AbortSignal | undefined;
    const { execution, history, settlings, lost, lines } = bench(async (context) => {
      seen = context.signal;
      await gate.promise;
    });
    const running = execution();
    await expect.poll(() => seen).toBeDefined();
    lost.abort(new DeliveryLostError("q"));
    await running;
    expect(seen?.aborted).toBe(true);
    gate.resolve();
    await expect.poll(() => history).toEqual(["acquire", "rollback"]);
    expect(lines.some(({ message }) => message.startsWith("lease lost"))).toBe(true);
    // In vain; but it is what gives its place to another.
    expect(settlings).toEqual(["hand-back"]);
  });

  it("whose outcome is refused, as a newer run of its task has told its own, records that", async () => {
    const { execution, lines } = bench(() => 1, { overtaken: true });
    await execution();
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "warn", message: expect.stringMatching(/^late run refused/) as string }),
    );
  });

  it("whose failure is refused tells nothing of the steps that were to follow it, either", async () => {
    const fail = () => Promise.reject(new Error("late"));
    const options = { task_id: "next" };
    const next = { task: "t", args: [], kwargs: {}, options, subtask_type: null, immutable: false };
    const { execution, history } = bench(fail, { overtaken: true, chain: [next] });
    await execution();
    expect(history).toEqual(["acquire", "rollback", "store FAILURE", "ack"]);
  });

  it("that was frozen beyond its lease stores nothing, as its message is another's by now", async () => {
    const { execution, history, lost, lines } = bench(() => {
      lost.abort(new DeliveryLostError("q"));
      return 1;
    });
    await execution();
    expect(history.filter((entry) => entry.startsWith("store") || entry === "ack")).toEqual([]);
    expect(lines.some(({ message }) => message.startsWith("lease lost"))).toBe(true);
  });

  it("waits for a backend that is away, and then stores and acknowledges", async () => {
    const { execution, history, trouble, clock } = bench(() => 1);
    trouble.push(...[1, 2, 3].map(() => new BrokerUnavailableError("x:", "away")));
    const running = execution();
    for (let i = 0; i < 20; i += 1) await clock.advance(1_000);
    await running;
    expect(history).toEqual(["acquire", "store SUCCESS", "ack"]);
  });

  it("hands back what it cannot store once the worker stops waiting", async () => {
    const { execution, history, trouble, giveUp, clock } = bench(() => 1);
    trouble.push(...Array.from({ length: 99 }, () => new BrokerUnavailableError("x:", "away")));
    const running = execution();
    await clock.advance(1_000);
    giveUp.abort(new WorkerStoppedError("w@h"));
    await clock.advance(10_000);
    await running;
    expect(history).toEqual(["acquire", "hand-back"]);
  });

  it("keeps a message out of the way whose settling can only fail again", async () => {
    const { execution, history, trouble } = bench(() => 1);
    trouble.push(new RangeError("a defect"));
    await execution();
    expect(history).toEqual(["acquire", "dead-letter not-settled"]);
  });
});

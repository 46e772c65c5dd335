import { describe, expect, it } from "vitest";
import { LamportClock } from "../../../../src/events/lamport-clock.ts";
import { EvidenceMemory } from "../../../../src/worker/liveness/evidence-memory.ts";
import { whyNotConsuming } from "../../../../src/worker/liveness/judge.ts";
import { Lookout, type Sight } from "../../../../src/worker/liveness/lookout.ts";
import { Pulse, type WorkerFacts } from "../../../../src/worker/liveness/pulse.ts";
import { RunningTasks } from "../../../../src/worker/liveness/running-tasks.ts";
import { runningTask } from "../../../support/running.ts";
import { SteadyClock } from "../../../support/steady-clock.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A worker's pulse and who looks at it. The test moves the time, and lets the pulse beat. */
function bench({ isInline = true } = {}) {
  const clock = new SteadyClock();
  const memory = new EvidenceMemory();
  const running = new RunningTasks(memory);
  const polled = clock.uptime();
  const facts: Writable<WorkerFacts> = {
    phase: "running",
    broker: "open",
    queues: 1,
    polling: { isDue: true, triedAt: polled, answeredAt: polled },
    capacity: 2,
    processed: 0,
    lamport: new LamportClock(),
  };
  const pulse = new Pulse({ facts: () => facts, running, memory, clock });
  const lookout = new Lookout({ memory: new EvidenceMemory(memory.buffer), clock, isInline });
  const begin = (id: string) => {
    const task = runningTask(id, `tasks.${id}`, clock.now());
    running.add(task);
    return task;
  };
  const answered = () => {
    facts.polling = { isDue: true, triedAt: clock.uptime(), answeredAt: clock.uptime() };
    pulse.beat();
  };
  const isConsuming = ({ evidence, liveness, viewpoint }: Sight = lookout.look()) =>
    whyNotConsuming(evidence, liveness, viewpoint) ?? true;
  return {
    clock,
    memory,
    running,
    facts,
    pulse,
    lookout,
    begin,
    answered,
    isConsuming,
    look: () => lookout.look().liveness,
  };
}

describe("a worker", () => {
  it("is up with a place free, and busy without, each since it is so", async () => {
    const { clock, running, pulse, begin, look } = bench();
    pulse.beat();
    const start = clock.now();
    expect(look()).toMatchObject({ state: "up", since: start, running: 0, capacity: 2 });
    await clock.advance(500);
    const tasks = [begin("a"), begin("b")];
    pulse.beat();
    await clock.advance(500);
    pulse.beat();
    expect(look()).toMatchObject({ state: "busy", since: start + 500, running: 2, oldestTask: { id: "a" } });
    for (const task of tasks) running.delete(task);
    pulse.beat();
    expect(look()).toMatchObject({ state: "up", since: start + 1_000, oldestTask: undefined });
  });

  it("is wedged once its loop has been blocked for more than a second, and names the task that began last", async () => {
    const { clock, pulse, begin, look } = bench();
    begin("waits");
    pulse.beat();
    await clock.advance(10);
    begin("computes");
    await clock.advance(990);
    expect(look()).toMatchObject({ state: "busy" });
    await clock.advance(10);
    expect(look()).toEqual({
      state: "wedged",
      since: clock.now() - 1_010,
      why: "event loop blocked",
      task: { id: "computes", name: "tasks.computes", startedAt: clock.now() - 1_000 },
      oldestTask: { id: "waits", name: "tasks.waits", startedAt: clock.now() - 1_010 },
      loopLagMs: 510,
      lastPoll: clock.now() - 1_010,
      running: 2,
      capacity: 2,
    });
  });

  it("is blocked in the only task that runs, and in no certain one of several", async () => {
    const { clock, pulse, begin, look } = bench();
    begin("a");
    pulse.beat();
    await clock.advance(5_000);
    expect(look()).toMatchObject({ state: "wedged", task: { id: "a" } });
    begin("b");
    pulse.beat();
    await clock.advance(5_000);
    expect(look()).toMatchObject({ state: "wedged", task: undefined, oldestTask: { id: "a" } });
  });

  it("blames no task that has ended, nor one that runs elsewhere", async () => {
    const { clock, running, pulse, begin, look } = bench();
    pulse.beat();
    running.delete(begin("a"));
    await clock.advance(5_000);
    expect(look()).toMatchObject({ state: "wedged", task: undefined, running: 0 });
    const isolated = bench({ isInline: false });
    isolated.begin("a");
    isolated.pulse.beat();
    await isolated.clock.advance(5_000);
    expect(isolated.look()).toMatchObject({ state: "wedged", task: undefined, oldestTask: { id: "a" } });
  });

  it("has a new beginning once its loop turns again", async () => {
    const { clock, pulse, look } = bench();
    const ended = new AbortController();
    pulse.beat();
    void pulse.beatOn(ended.signal, () => undefined);
    const start = clock.now();
    await clock.advance(500);
    expect(look()).toMatchObject({ state: "up", since: start });
    clock.skip(5_000);
    expect(look()).toMatchObject({ state: "wedged", since: start + 500 });
    await clock.advance(500);
    expect(look()).toMatchObject({ state: "up", since: clock.now(), loopLagMs: 5_000 });
    ended.abort();
  });

  it("is wedged when it should ask for messages and has not come back from it for half a minute", async () => {
    const { clock, facts, pulse, answered, look } = bench();
    answered();
    const seen = clock.now();
    await clock.advance(30_000);
    pulse.beat();
    expect(look()).toMatchObject({ state: "up" });
    await clock.advance(1);
    pulse.beat();
    expect(look()).toMatchObject({ state: "wedged", why: "does not consume", since: seen, lastPoll: seen });
    facts.broker = "lost";
    pulse.beat();
    expect(look()).toMatchObject({ state: "up" });
  });

  it("need not ask while it holds all that it may: its time begins when it has room", async () => {
    const { clock, facts, pulse, look } = bench();
    const polling = { triedAt: clock.uptime(), answeredAt: clock.uptime() };
    facts.polling = { isDue: false, ...polling };
    await clock.advance(3_600_000);
    pulse.beat();
    facts.polling = { isDue: true, ...polling };
    await clock.advance(30_000);
    pulse.beat();
    expect(look()).toMatchObject({ state: "up" });
    await clock.advance(1);
    pulse.beat();
    expect(look()).toMatchObject({ state: "wedged" });
  });

  it("is not blamed for the time in which nobody could look, such as under SIGSTOP", async () => {
    const { clock, memory, pulse, lookout, look } = bench();
    const ended = new AbortController();
    const seen: string[] = [];
    pulse.beat();
    void lookout.watch(ended.signal, ({ liveness }) => seen.push(liveness.state));
    await clock.advance(500);
    expect(seen).toEqual(["up"]);
    clock.skip(60_000);
    expect(look()).toMatchObject({ state: "up" });
    // Who has not been kept from looking sees the loop stand still.
    expect(new Lookout({ memory, clock, isInline: true }).look().liveness).toMatchObject({ state: "wedged" });
    ended.abort();
  });

  it("consumes only while it runs, turns, and its broker answers", async () => {
    const { clock, facts, pulse, answered, isConsuming } = bench();
    expect(isConsuming()).toBe("the worker is starting");
    answered();
    expect(isConsuming()).toBe(true);
    const changes: readonly (readonly [Partial<WorkerFacts>, string])[] = [
      [{ phase: "stopping" }, "the worker is stopping"],
      [{ broker: "lost" }, "the broker is away"],
      [{ broker: undefined }, "the broker is away"],
      [{ queues: 0 }, "the worker consumes from no queue"],
    ];
    for (const [change, why] of changes) {
      const before = { ...facts };
      Object.assign(facts, change);
      pulse.beat();
      expect(isConsuming()).toBe(why);
      Object.assign(facts, before);
    }
    await clock.advance(15_000);
    pulse.beat();
    expect(isConsuming()).toBe(true);
    await clock.advance(1);
    pulse.beat();
    expect(isConsuming()).toBe("the broker does not answer");
    answered();
    await clock.advance(1_001);
    expect(isConsuming()).toBe("event loop blocked");
  });
});

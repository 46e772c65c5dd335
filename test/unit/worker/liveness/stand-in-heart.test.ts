import { expect, it } from "vitest";
import type { WorkerFields } from "../../../../src/events/event.ts";
import { EvidenceMemory } from "../../../../src/worker/liveness/evidence-memory.ts";
import { Lookout } from "../../../../src/worker/liveness/lookout.ts";
import { Pulse } from "../../../../src/worker/liveness/pulse.ts";
import { RunningTasks } from "../../../../src/worker/liveness/running-tasks.ts";
import { StandInHeart } from "../../../../src/worker/liveness/stand-in-heart.ts";
import { runningTask } from "../../../support/running.ts";
import { SteadyClock } from "../../../support/steady-clock.ts";

it("beats for a worker while its event loop is blocked, in its rhythm, and says so", async () => {
  const clock = new SteadyClock();
  const memory = new EvidenceMemory();
  const running = new RunningTasks(memory);
  const rest = { phase: "running", broker: "open", queues: 1, polling: undefined, lamport: undefined } as const;
  const pulse = new Pulse({ facts: () => ({ ...rest, capacity: 4, processed: 9 }), running, memory, clock });
  const sent: { at: number; fields: WorkerFields }[] = [];
  const start = clock.now();
  const dispatcher = {
    isAway: false,
    send: (type: string, fields: unknown) => {
      expect(type).toBe("worker-heartbeat");
      sent.push({ at: clock.now() - start, fields: fields as WorkerFields });
    },
  };
  const heart = new StandInHeart(dispatcher, 2_000);
  const ended = new AbortController();
  void new Lookout({ memory, clock, isInline: true }).watch(ended.signal, (sight) => heart.look(sight));
  pulse.beat();
  running.add(runningTask("a", "tasks.a", clock.now()));
  for (let look = 0; look < 25; look += 1) await clock.advance(250);
  expect(sent.map(({ at }) => at)).toEqual([1_500, 3_500, 5_500]);
  expect(sent[0]?.fields).toMatchObject({
    ...{ freq: 2, active: 1, processed: 9, sw_ident: "celeriac" },
    liveness: { state: "wedged", task: { id: "a", name: "tasks.a", time_start: start / 1_000 } },
  });
  pulse.beat();
  await clock.advance(250);
  expect(sent).toHaveLength(3);
  dispatcher.isAway = true;
  for (let look = 0; look < 20; look += 1) await clock.advance(250);
  expect(sent).toHaveLength(3);
  ended.abort();
});

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";
import { encodeTask } from "../../src/message/protocol-v2.ts";
import { NO_FOLLOW_UPS, type SignatureDict } from "../../src/message/task-request.ts";
import { Child } from "../support/child-process.ts";
import { LEASE_TIMEOUT, MORTAL_POINTS, type MortalPoint } from "../support/chord-worker.ts";
import { eventually } from "../support/eventually.ts";
import { placeAt, SHARED_PLACES, type SharedPlace } from "../support/shared-places.ts";
import { taskRequest } from "../support/task-request.ts";

const PROGRAM = new URL("../support/chord-worker.ts", import.meta.url);

/** A worker that dies when the body is sent and the chord not ended leaves it open whether it was. */
const RUNS: Readonly<Record<MortalPoint, number>> = {
  "before joining": 1,
  "before sending": 1,
  "before ending": 2,
  "before acknowledging": 1,
};

describe.each(Object.entries(SHARED_PLACES))("a chord on %s whose last member's worker is killed", (_, open) => {
  let place: SharedPlace;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(() => place[Symbol.asyncDispose]());

  it.each(MORTAL_POINTS)("%s has its body run, with each result once", async (point) => {
    const adapter = placeAt(place.url);
    const brokerTransportOptions = { leaseTimeout: LEASE_TIMEOUT };
    await using app = new Celeriac({ broker: adapter, resultBackend: adapter, brokerTransportOptions }, { env: {} });
    const bodies: unknown[] = [];
    app.task("double", (n: number) => n * 2);
    app.task("body", (values: unknown) => void bodies.push(values));
    await sendLastOfTwo(app);
    {
      await using doomed = new Child<never>(PROGRAM, [place.url, point]);
      await doomed.exited;
    }
    expect(bodies).toEqual([]);
    await using worker = new Worker(app);
    await worker.start();
    await eventually(() => expect(bodies).toHaveLength(RUNS[point]), { timeoutMs: 20_000 });
    const broker = await app.broker();
    const empty = { ready: 0, delayed: 0, unacked: 0 };
    await eventually(async () => expect(await broker.inspect("celery")).toMatchObject(empty), { timeoutMs: 20_000 });
    expect(bodies).toEqual(Array.from({ length: RUNS[point] }, () => [2, 4]));
  });
});

/** A chord whose first member has come, and the message of the other. */
async function sendLastOfTwo(app: Celeriac): Promise<void> {
  const chordId = randomUUID();
  const options = { task_id: randomUUID() };
  const chord: SignatureDict = { task: "body", args: [], kwargs: {}, options, subtask_type: null, immutable: false };
  const { chords } = await app.resultBackend();
  await chords.begin([{ chordId, size: 2, deadline: null }]);
  await chords.join({ chordId, taskId: randomUUID(), index: 0 }, { state: "SUCCESS", result: 2 });
  const id = randomUUID();
  const followUps = { ...NO_FOLLOW_UPS, chord };
  const last = taskRequest({ id, rootId: id, task: "double", args: [2], groupId: chordId, groupIndex: 1, followUps });
  const broker = await app.broker();
  await broker.declare({ queues: [{ name: "celery" }] });
  await broker.publish([{ message: encodeTask(last), route: { exchange: "", routingKey: "celery" } }]);
}

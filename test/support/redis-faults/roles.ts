import { expect } from "vitest";
import { Celeriac, type CeleriacConfig, PublishTimeoutError, ResultTimeoutError, type SendOptions } from "celeriac";
import { redis } from "celeriac/redis";
import { Worker } from "celeriac/worker";
import { renewerSource } from "../../../src/adapters/redis/renewer-source.ts";
import { openRenewer } from "../../../src/adapters/redis/renewer.ts";
import { parseRedisUrl } from "../../../src/adapters/redis/connections/redis-url.ts";
import { ResultBackendUnavailableError } from "../../../src/backend/errors.ts";
import type { TaskMeta } from "../../../src/backend/task-meta.ts";
import type { Broadcaster } from "../../../src/broker/broadcaster.ts";
import { ControlTimeoutError } from "../../../src/control/errors.ts";
import { BrokerUnavailableError } from "../../../src/broker/errors.ts";
import { KeyHolder } from "../../../src/broker/key-holder.ts";
import type { KeyStore } from "../../../src/broker/key-store.ts";
import { message } from "../../../src/testing/conformance/broker/stage.ts";
import { systemClock, type Clock } from "../../../src/util/clock.ts";
import { deferred } from "../../../src/util/deferred.ts";
import { silentLogger } from "../../../src/util/logger.ts";
import { eventually } from "../eventually.ts";
import { QuickClock } from "../quick-clock.ts";
import { recordingLogger } from "../recording-logger.ts";
import { openRedisStore } from "../redis-stores.ts";
import type { Fault, FaultyPlace } from "./faults.ts";

/** Where nothing depends on how time passes for the server, it passes twice as fast. */
const SPEED = 2;
/** Within which everything has to go on after the heal, in milliseconds. */
const HEALED = { timeoutMs: 10_000 };
const HEALED_QUICKLY = { timeoutMs: HEALED.timeoutMs / SPEED };
/** Longer than a fault, and than it takes to notice it and to come back, in milliseconds. */
const LEASE_MS = 15_000;
const PATIENCE = { timeoutMs: 20_000 };
/** What a send may take unless it is told otherwise, in milliseconds, and what the machine may add, which has much else to do. */
const SEND_MS = 2_000 + 2_000;

/** What a process does with a Redis while something befalls that. */
export interface Role {
  readonly name: string;
  /** Rejects when something is not as it has to be. */
  play(stage: Stage, cues: Cues): Promise<void>;
}

export interface Cues {
  readonly fault: Fault;
  /** To be asked for once everything is under way; resolves when the fault has happened. */
  happens(): Promise<void>;
  readonly healed: Promise<void>;
  readonly isHealed: boolean;
}

export const ROLES: readonly Role[] = [
  { name: "a worker that waits consumes again", play: waitForTasks },
  { name: "a worker in the midst of a task keeps its lease, and stores what came of it", play: runLongTask },
  { name: "the thread that renews renews again", play: renewFromThread },
  { name: "a producer is told in time, and what was confirmed is run", play: produce },
  { name: "a process that awaits a result gets it", play: awaitResult },
  { name: "a lock is held by one, and by whom it was where that is known still", play: holdLock },
  { name: "a broadcaster is heard, and a listener hears", play: broadcastAndListen },
  {
    name: "who inspects a worker is told in time, and the worker answers again in the midst of its task",
    play: inspect,
  },
];

async function waitForTasks(stage: Stage, cues: Cues): Promise<void> {
  const { log, lines } = recordingLogger();
  const peer = stage.app("healthy");
  const app = stage.app("faulty", { clock: new QuickClock(SPEED), log });
  app.task("echo", (text: string) => text);
  await stage.worker(app);
  await (await peer.sendTask("echo", { args: ["before"] })).get(PATIENCE);

  await cues.happens();
  await cues.healed;
  const sent = await peer.sendTask("echo", { args: ["after"] });
  expect(await sent.get(HEALED_QUICKLY)).toBe("after");
  const told = lines.filter((line) => line.message.startsWith("broker ")).map((line) => line.message);
  // A connection of its own may have a part in each.
  expect([[], ONCE, [...ONCE, ...ONCE]]).toContainEqual(told);
}

async function runLongTask(stage: Stage, { fault, happens, healed }: Cues): Promise<void> {
  const gate = deferred<string>();
  let runs = 0;
  const hold = (): Promise<string> => {
    runs += 1;
    return gate.promise;
  };
  const peer = stage.app("healthy");
  const [app, rival] = [stage.app("faulty"), stage.app("healthy")];
  for (const each of [app, rival]) each.task("hold", hold);
  const worker = await stage.worker(app);
  const sent = await peer.sendTask("hold");
  await eventually(() => expect(worker.busy).toBe(1));
  const startedAt = systemClock.now();
  await stage.worker(rival);

  await happens();
  await healed;
  await systemClock.sleep(startedAt + LEASE_MS + 2_000 - systemClock.now());
  gate.resolve("held");
  if (fault.losesData !== true) expect(await sent.get(HEALED)).toBe("held");
  expect(runs).toBe(1);
  await eventually(() => expect(worker.busy).toBe(0));
}

async function renewFromThread(stage: Stage, { fault, happens, healed }: Cues): Promise<void> {
  const { keyPrefix, place } = stage;
  const store = stage.keep(openRedisStore({ url: place.server.url, keyPrefix }));
  await store.declare({ queues: [{ name: "q" }] });
  await store.push([{ queues: ["q"], message: message("held"), delayMs: 0 }]);
  const [{ receipt } = { receipt: "" }] = await store.take(["q"], { max: 1, leaseMs: 60_000, waitMs: 0 });
  const endpoint = { address: parseRedisUrl(place.url) };
  const { data } = renewerSource({ renews: "leases", url: place.url, endpoint, keyPrefix });
  // The thread has a copy.
  const renewer = openRenewer(structuredClone(data));
  stage.keep({ [Symbol.asyncDispose]: () => renewer.close() });
  const renew = (): Promise<readonly string[]> => renewer.renew([receipt], 60_000);
  expect(await renew()).toEqual([]);

  await happens();
  const error: unknown = await renew().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error !== undefined) expect(error).toBeInstanceOf(BrokerUnavailableError);
  await healed;
  expect(await eventually(renew, HEALED)).toEqual(fault.losesData === true ? [receipt] : []);
}

async function produce(stage: Stage, cues: Cues): Promise<void> {
  const clock = new QuickClock(SPEED);
  const app = stage.app("faulty", { clock });
  const confirmed: string[] = [];
  const send = async (options: SendOptions = {}): Promise<void> =>
    void confirmed.push((await app.sendTask("note", options)).id);
  await send({ publishTimeoutMs: PATIENCE.timeoutMs });

  await cues.happens();
  while (!cues.isHealed) {
    const sentAt = clock.uptime();
    const error: unknown = await send().catch((reason: unknown) => reason);
    expect(clock.uptime() - sentAt).toBeLessThan(SEND_MS);
    if (error !== undefined) expect([BrokerUnavailableError, PublishTimeoutError]).toContain(classOf(error));
    await clock.sleep(100);
  }
  if (cues.fault.losesData === true) confirmed.length = 0;
  await eventually(() => send(), HEALED_QUICKLY);
  const ran = new Set<string>();
  const peer = stage.app("healthy");
  peer.task("note", { bind: true }, ({ id }) => void ran.add(id));
  await stage.worker(peer);
  await eventually(() => expect(confirmed.filter((id) => !ran.has(id))).toEqual([]), PATIENCE);
}

async function awaitResult(stage: Stage, { happens, healed }: Cues): Promise<void> {
  const app = stage.app("faulty", { clock: new QuickClock(SPEED) });
  await (await app.resultBackend()).open();
  const outcome = app.result("awaited").get({ timeoutMs: 120_000 });
  outcome.catch(() => undefined); // told below

  await happens();
  const other = app.result("other").get({ timeoutMs: 2_000 });
  const error: unknown = await other.catch((reason: unknown) => reason);
  expect([ResultTimeoutError, ResultBackendUnavailableError]).toContain(classOf(error));
  await healed;
  const backend = await stage.app("healthy").resultBackend();
  await backend.store([success("awaited", "done")]);
  const storedAt = systemClock.now();
  expect(await outcome).toBe("done");
  expect(systemClock.now() - storedAt).toBeLessThan(HEALED_QUICKLY.timeoutMs);
}

async function holdLock(stage: Stage, { fault, happens, healed }: Cues): Promise<void> {
  const holder = stage.keep(new KeyHolder({ keys: stage.keys("faulty"), ...WATCHFUL }));
  const rival = stage.keep(new KeyHolder({ keys: stage.keys("healthy"), ...WATCHFUL }));
  const held = await holder.take("beat");
  expect(await rival.take("beat")).toBeUndefined();

  await happens();
  await healed;
  if (fault.losesData === true) {
    const isTaken = (await rival.take("beat")) !== undefined;
    await eventually(() => expect(held?.lost.aborted).toBe(isTaken), PATIENCE);
    return;
  }
  await systemClock.sleep(LEASE_MS);
  await held?.confirm();
  expect(await rival.take("beat")).toBeUndefined();
}

async function broadcastAndListen(stage: Stage, { happens, healed }: Cues): Promise<void> {
  const app = stage.app("faulty", { clock: new QuickClock(SPEED) });
  const [own, others] = [await broadcasterOf(app), await broadcasterOf(stage.app("healthy"))];
  const [heard, heardByOthers] = [await listen(own), await listen(others)];
  await broadcast(own, "before");
  await eventually(() => expect([heard, heardByOthers]).toEqual([["before"], ["before"]]));

  await happens();
  const error: unknown = await broadcast(own, "meanwhile").then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error !== undefined) expect(error).toBeInstanceOf(BrokerUnavailableError);
  await healed;
  await eventually(async () => {
    await broadcast(others, "to it");
    expect(heard).toContain("to it");
  }, HEALED_QUICKLY);
  // Broadcasts are not kept: the other may listen again later than this one can speak.
  await eventually(async () => {
    await broadcast(own, "of it");
    expect(heardByOthers).toContain("of it");
  }, HEALED_QUICKLY);
}

async function inspect(stage: Stage, { fault, happens, healed }: Cues): Promise<void> {
  const gate = deferred<string>();
  const [app, asker] = [stage.app("faulty"), stage.app("faulty")];
  app.task("hold", () => gate.promise);
  const worker = await stage.worker(app);
  const sent = await asker.sendTask("hold");
  const active = async (limit: number, timeoutMs: number): Promise<readonly unknown[]> => [
    ...(await asker.control.ask("active", {}, { limit, timeoutMs })).values(),
  ];
  // Where the message is lost, the run is ended.
  const running = [{ id: sent.id, name: "hold" }];
  await eventually(async () => expect(await active(1, 1_000)).toMatchObject([running]));

  // One more than there are: it is waiting when the fault comes.
  const asked = [active(2, 3_000)];
  await happens();
  asked.push(active(1, 1_000));
  for (const outcome of await Promise.allSettled(asked)) {
    if (outcome.status === "rejected")
      expect([BrokerUnavailableError, ControlTimeoutError]).toContain(classOf(outcome.reason));
    else expect(outcome.value.length).toBeLessThan(2);
  }
  await healed;
  const answered = await eventually(async () => {
    const answers = await active(1, 1_000);
    expect(answers).toHaveLength(1);
    return answers;
  }, HEALED);
  if (fault.losesData !== true) expect(answered).toMatchObject([running]);
  gate.resolve("held");
  if (fault.losesData !== true) expect(await sent.get(HEALED)).toBe("held");
  await eventually(() => expect(worker.busy).toBe(0));
}

const ONCE = ["broker lost", "broker back"];
const WATCHFUL = { ttlMs: LEASE_MS, clock: systemClock, log: silentLogger };
const EXCHANGE = { name: "news", type: "fanout" } as const;

/** Processes of one role, which share a place in the Redis that the other roles do not see. */
export class Stage implements AsyncDisposable {
  readonly place: FaultyPlace;
  readonly keyPrefix: string;
  readonly #opened: AsyncDisposable[] = [];

  constructor(place: FaultyPlace, keyPrefix: string) {
    this.place = place;
    this.keyPrefix = keyPrefix;
  }

  /** An app that feels the fault, or one that speaks with the server itself; what befalls that, both feel. */
  app(
    way: Way,
    { clock = systemClock, log = silentLogger }: { clock?: Clock; log?: typeof silentLogger } = {},
  ): Celeriac {
    const adapter = this.#adapter(way);
    const config: CeleriacConfig = { broker: adapter, resultBackend: adapter };
    const brokerTransportOptions = { leaseTimeout: LEASE_MS / 1_000 };
    return this.keep(new Celeriac({ ...config, brokerTransportOptions }, { env: {}, clock, log }));
  }

  keys(way: Way): KeyStore {
    const { createKeyStore } = this.#adapter(way);
    if (createKeyStore === undefined) throw new Error("Redis has keys.");
    return this.keep(createKeyStore({ clock: systemClock, log: silentLogger }));
  }

  /** A started worker that is stopped at the end. */
  async worker(app: Celeriac): Promise<Worker> {
    const worker = new Worker(app, { concurrency: 2, livenessThread: false });
    this.keep({ [Symbol.asyncDispose]: () => worker.stop({ graceMs: 0 }) });
    await worker.start();
    return worker;
  }

  keep<T extends AsyncDisposable>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.reverse()) await opened[Symbol.asyncDispose]();
  }

  #adapter(way: Way): ReturnType<typeof redis> {
    const { url } = way === "faulty" ? this.place : this.place.server;
    return redis({ url, globalKeyprefix: this.keyPrefix, resultKeyprefix: this.keyPrefix });
  }
}

type Way = "faulty" | "healthy";

async function broadcasterOf(app: Celeriac): Promise<Broadcaster> {
  const { broadcaster } = await app.broker();
  if (broadcaster === undefined) throw new Error("Redis broadcasts.");
  return broadcaster;
}

function broadcast(broadcaster: Broadcaster, text: string): Promise<unknown> {
  return broadcaster.broadcast(message(text), EXCHANGE);
}

/** What is heard until its connections are closed. */
async function listen(broadcaster: Broadcaster): Promise<readonly string[]> {
  const listener = await broadcaster.listen(EXCHANGE);
  const heard: string[] = [];
  void (async () => {
    for await (const { body } of listener) heard.push(Buffer.from(body).toString());
  })();
  return heard;
}

function success(taskId: string, result: unknown): TaskMeta {
  const nothing = { traceback: null, doneAt: null, children: [], parentId: null, groupId: null };
  return { taskId, state: "SUCCESS", result, ...nothing };
}

function classOf(error: unknown): unknown {
  return (error as Error | undefined)?.constructor;
}

import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import { expect } from "vitest";
import { amqp } from "../../src/adapters/amqp/index.ts";
import { RpcBackend, type RpcBackendOptions } from "../../src/adapters/amqp/rpc-backend.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import type { TaskMeta } from "../../src/backend/task-meta.ts";
import { canvasCases } from "../../src/testing/conformance/result-backend/canvas-cases.ts";
import { chordCases } from "../../src/testing/conformance/result-backend/chord-cases.ts";
import { groupCases } from "../../src/testing/conformance/result-backend/group-cases.ts";
import { overdueCases } from "../../src/testing/conformance/result-backend/overdue-cases.ts";
import { exerciseResultBackend } from "../../src/testing/conformance/exercise-result-backend.ts";
import type { Skip } from "../../src/testing/conformance/cases.ts";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { amqpLink } from "../support/amqp-links.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProxy } from "../support/faulty-proxy.ts";
import { vhostOfFile } from "../support/rabbitmq-of-file.ts";
import { it } from "../support/with-rabbitmq.ts";

const DAY_MS = 86_400_000;

const namesOf = (cases: readonly { readonly name: string }[]): readonly string[] => cases.map(({ name }) => name);

const because = (reason: string, ...tests: readonly string[]): readonly Skip[] =>
  tests.map((test) => ({ test, reason }));

exerciseResultBackend("rpc", {
  test: it.concurrent,
  createPlace: async () => {
    const { url } = await vhostOfFile();
    const asker = randomUUID();
    let isFirst = true;
    return {
      createBackend: ({ resultExpiresMs }) => {
        const oid = isFirst ? asker : randomUUID();
        isFirst = false;
        return askedBy(asker, openBackend(url, { oid, resultExpiresMs }));
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
  skip: [
    ...because(
      "what was sent is only with who asked",
      "a success is never replaced",
      "what one backend stored, another one fetches, also when the first has gone",
    ),
    ...because(
      "who sends a result does not know what was sent before",
      "what an earlier run tells late is refused and named, and changes nothing",
      "a success stands against later runs, which are not refused, and against earlier ones, which are",
      "what a first run tells is refused like any other's, once a later one has told",
      "of two first runs, as of a message that was replayed or sent again under its id, the later one counts",
      "a meta without a fence is never refused, and leaves the record its fence",
      "of one batch, those that are refused are named and the others stored",
      "the latest run wins every race",
      "nobody who watches hears of what was refused",
      "thousands are refused at once",
    ),
    ...because(
      "groups are not saved, as in Celery",
      "what is to be kept for longer than any clock can tell is kept",
      ...namesOf(groupCases),
    ),
    ...because("there are no chords, as in Celery", ...namesOf(chordCases), ...namesOf(overdueCases)),
    ...because("nothing is stored", ...namesOf(canvasCases)),
  ],
});

it("sends what Celery sends, to whom the task names", async () => {
  const { url } = await vhostOfFile();
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await using backend = openBackend(url);
  await backend.store([
    { ...metaOf("t1"), replyTo: queue },
    { ...metaOf("t2"), replyTo: null },
  ]);
  const got = await channel.get(queue, { noAck: true });
  if (got === false) throw new Error("nothing came");
  expect(got.fields).toMatchObject({ exchange: "", routingKey: queue, messageCount: 0 });
  expect(got.properties).toMatchObject({
    ...{ correlationId: "t1", deliveryMode: 1, headers: {} },
    ...{ contentType: "application/json", contentEncoding: "utf-8" },
  });
  expect(JSON.parse(got.content.toString())).toMatchObject({ task_id: "t1", status: "SUCCESS", result: 7 });
  await connection.close();
});

it("sends what is to survive a restart, when asked to", async () => {
  const { url } = await vhostOfFile();
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const adapter = amqp({ url, resultPersistent: true });
  await using backend = adapter.createResultBackend?.({ clock, log, resultExpiresMs: DAY_MS });
  await backend?.store([{ ...metaOf("t1"), replyTo: queue }]);
  expect(await channel.get(queue, { noAck: true })).toMatchObject({ properties: { deliveryMode: 2 } });
  await connection.close();
});

it("has a durable queue of its own from when it listens, and none once it is disposed of", async () => {
  const vhost = await vhostOfFile();
  const oid = randomUUID();
  const backend = openBackend(vhost.url, { oid });
  await backend.open();
  expect(await vhost.queue(oid)).toBeUndefined();
  await backend.listen();
  expect(await vhost.queue(oid)).toMatchObject({ durable: true, exclusive: false, arguments: { "x-expires": DAY_MS } });
  await backend[Symbol.asyncDispose]();
  expect(await vhost.queue(oid)).toBeUndefined();
});

it("hears what came while its connection was lost", async () => {
  const { url } = await vhostOfFile();
  await using proxy = await FaultyProxy.before(Number(new URL(url).port));
  const through = new URL(url);
  through.port = String(proxy.port);
  const oid = randomUUID();
  await using asker = openBackend(through.href, { oid });
  await using worker = openBackend(url);
  const heard: string[] = [];
  await using watch = asker.watch(({ taskId }) => heard.push(taskId));
  await watch.add(["before", "meanwhile", "after"]);
  await worker.store([{ ...metaOf("before"), replyTo: oid }]);
  await eventually(() => expect(heard).toEqual(["before"]));
  proxy.set("refuse");
  await worker.store([{ ...metaOf("meanwhile"), replyTo: oid }]);
  proxy.set("none");
  await eventually(() => expect(heard).toContain("meanwhile"), { timeoutMs: 10_000 });
  await worker.store([{ ...metaOf("after"), replyTo: oid }]);
  await eventually(() => expect(heard).toContain("after"));
});

it("refuses what needs results that are kept", async () => {
  const { url } = await vhostOfFile();
  await using backend = openBackend(url);
  await backend.open();
  const plan = { chordId: "c", size: 2, deadline: null };
  await expect(backend.chords.begin([plan])).rejects.toThrow("the rpc result backend does not support chords");
  const group = { id: "g", parent: null, members: [] };
  for (const refused of [backend.groups.save(group), backend.groups.restore("g"), backend.groups.forget(["g"])])
    await expect(refused).rejects.toMatchObject({ code: "CELERIAC_RESULT_BACKEND_UNSUPPORTED" });
  expect(await backend.chords.takeOverdue({ limit: 1 })).toEqual([]);
});

function metaOf(taskId: string): TaskMeta {
  const ids = { taskId, parentId: null, groupId: null };
  return { ...ids, state: "SUCCESS", result: 7, traceback: null, doneAt: new Date(), children: [] };
}

function openBackend(
  url: string,
  { oid = randomUUID(), resultExpiresMs = DAY_MS }: Partial<Pick<RpcBackendOptions, "oid" | "resultExpiresMs">> = {},
): RpcBackend {
  return new RpcBackend({ link: amqpLink(url, { isBackend: true }), clock, log, oid, resultExpiresMs });
}

/** As if all tasks were sent by one process, which listens. */
function askedBy(asker: string, backend: ResultBackend): ResultBackend {
  return {
    ...{ groups: backend.groups, chords: backend.chords, canvases: backend.canvases },
    open: async (options) => {
      await backend.open(options);
      await backend.listen?.();
    },
    store: (metas) => backend.store(metas.map((meta) => ({ ...meta, replyTo: asker }))),
    fetch: (taskIds) => backend.fetch(taskIds),
    watch: (listener) => backend.watch(listener),
    forget: (taskIds) => backend.forget(taskIds),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

import { expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { memory } from "celeriac/memory";
import { encodeTask } from "../../../src/message/protocol-v2.ts";
import type { EventDispatcher } from "../../../src/events/event-dispatcher.ts";
import { TaskEvents } from "../../../src/worker/task-events.ts";
import { TaskRegistry } from "../../../src/app/registry.ts";
import { taskRequest } from "../../support/task-request.ts";
import { Worker } from "../../../src/worker/worker.ts";

it("a task that comes before it is due is told of once, however often it comes", async () => {
  const adapter = memory();
  await using app = new Celeriac({ broker: adapter, workerSendTaskEvents: true }, { env: {} });
  app.task("t", () => null);
  await using events = await app.events({ pattern: "task.#" });
  await using worker = new Worker(app);
  await worker.start();
  const broker = await app.broker();
  // As from a producer that lets its message go at once, which Python's do.
  const message = encodeTask(taskRequest({ task: "t", id: "early", eta: new Date(Date.now() + 200) }));
  await broker.publish([{ message, route: { exchange: "", routingKey: "celery" } }]);
  const types: string[] = [];
  for await (const { type } of events) {
    types.push(type);
    if (type === "task-succeeded") break;
  }
  expect(types).toEqual(["task-received", "task-started", "task-succeeded"]);
});

it("a retry of a task that was told of early is told of anew, and the oldest of very many are told of again", () => {
  const sent: unknown[] = [];
  const note: EventDispatcher["note"] = (type, describe) => sent.push([type, describe().uuid]);
  const events = new TaskEvents(
    { sendsTaskEvents: true, note },
    new TaskRegistry(() => Promise.reject(new Error("nothing is sent here"))),
  );
  const call = (id: string, retries = 0) => taskRequest({ task: "t", id, retries });
  events.deferred(call("a"));
  events.deferred(call("a"));
  events.received(call("a", 1));
  events.received(call("a"));
  events.received(call("a"));
  expect(sent).toEqual(Array.from({ length: 3 }, () => ["task-received", "a"]));
  events.deferred(call("old"));
  for (let index = 0; index < 10_000; index += 1) events.deferred(call(String(index)));
  sent.length = 0;
  events.received(call("old"));
  events.received(call("9999"));
  expect(sent).toEqual([["task-received", "old"]]);
});

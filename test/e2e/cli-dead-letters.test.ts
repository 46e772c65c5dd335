import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Celeriac } from "celeriac";
import type { Broker, Delivery } from "../../src/broker/broker.ts";
import { CELERIAC, openCliBed, type CliBed, type CliOutcome } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";

const TASKS = `
  import { Reject } from "${CELERIAC}";
  app.task("test.add", { params: ["x", "y"] }, (x: number, y: number) => x + y);
  app.task("test.reject", () => {
    throw new Reject("not for me");
  });
`;

let bed: CliBed;
let app: Celeriac;
let broker: Broker;

/** Kills a call for each reason, in this order: "1" is the id of the first. */
async function kill(reasons: readonly string[], { queue = "celery" } = {}): Promise<void> {
  for (const [index, code] of reasons.entries()) {
    await app.sendTask("test.add", { args: [index, 1], queue });
    await take(queue, (delivery) => delivery.deadLetter({ code, detail: `because of ${code}` }));
  }
}

async function take(queue: string, settle: (delivery: Delivery) => Promise<void>): Promise<void> {
  await using consumer = broker.consume([queue], { prefetch: 1 });
  for await (const delivery of consumer) {
    await settle(delivery);
    return;
  }
}

function deadLetters(...args: readonly string[]): Promise<CliOutcome> {
  return bed.celeriac("-b", "sqlite:celeriac.db", "dead-letters", ...args);
}

async function ids(...filters: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await deadLetters("list", "--json", ...filters);
  return (JSON.parse(stdout) as { readonly deadLetters: readonly { readonly id: string }[] }).deadLetters.map(
    ({ id }) => id,
  );
}

beforeEach(async () => {
  bed = await openCliBed(TASKS);
  app = bed.producer;
  broker = await app.broker();
});
afterEach(() => bed[Symbol.asyncDispose]());

describe("celeriac dead-letters", () => {
  it("lists them oldest first, as far as is asked for", async () => {
    await kill(["rejected", "unreadable"]);
    await kill(["rejected"], { queue: "reports" });
    expect(await ids()).toEqual(["1", "2", "3"]);
    expect(await ids("--queue", "celery")).toEqual(["1", "2"]);
    expect(await ids("--reason", "rejected")).toEqual(["1", "3"]);
    expect(await ids("--limit", "1", "--after", "1")).toEqual(["2"]);

    const text = await deadLetters("list", "--limit", "2");
    expect(text.stdout).toMatch(
      /^id +died +queue +reason +deliveries +task +task id\n1 +\S+Z +celery +rejected +1 +test\.add +[0-9a-f-]{36}\n2 .*\n$/,
    );
    expect(text.stderr).toBe("There may be more: --after 2\n");
  });

  it("shows one with its call and its history", async () => {
    const sent = await app.sendTask("test.add", {
      args: [1, "two"],
      kwargs: { when: new Date(0) },
      headers: { tenant: "acme" },
    });
    await take("celery", (delivery) => delivery.requeue({ code: "lost", detail: "its process ended" }));
    await take("celery", (delivery) => delivery.deadLetter({ code: "delivery-limit", detail: "enough" }));

    const { code, stdout } = await deadLetters("show", "1", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      id: "1",
      queue: "celery",
      task: "test.add",
      taskId: sent.id,
      reason: { code: "delivery-limit", detail: "enough" },
      deliveries: 2,
      args: [1, "two"],
      unreadable: null,
      headers: { tenant: "acme" },
      history: [{ kind: "delivery", code: "lost", detail: "its process ended" }],
    });

    const text = await deadLetters("show", "1");
    expect(text.stdout).toMatch(/^reason +delivery-limit: enough$/m);
    expect(text.stdout).toMatch(/^args +\[1,"two"\]$/m);
    expect(text.stdout).toMatch(/^ {2}tenant +"acme"$/m);
    expect(text.stdout).toMatch(/^history\n {2}\S+Z {2}delivery {2}lost: its process ended\n$/m);
  });

  it("shows the retries before among the deliveries", async () => {
    const retries = [{ at: "2001-01-01T00:00:00.000Z", code: "NetworkError", detail: "reset" }];
    await app.sendTask("test.add", { args: [1, 2], headers: { celeriac_retries: retries } });
    await take("celery", (delivery) => delivery.requeue({ code: "lost", detail: "its process ended" }));
    await take("celery", (delivery) => delivery.deadLetter({ code: "rejected", detail: "no" }));
    const { stdout } = await deadLetters("show", "1", "--json");
    expect((JSON.parse(stdout) as { readonly history: unknown }).history).toMatchObject([
      { kind: "retry", ...retries[0] },
      { kind: "delivery", code: "lost" },
    ]);
  });

  it("shows how large one is that cannot be read", async () => {
    await broker.declare(app.queues.topologyOf(["celery"]));
    const message = {
      body: new Uint8Array([1, 2, 3]),
      contentType: "application/json",
      contentEncoding: "utf-8",
      headers: { task: "test.add", id: "some-id" },
      properties: { correlationId: "some-id" },
    };
    await broker.publish([{ message, route: { exchange: "", routingKey: "celery" } }]);
    await take("celery", (delivery) => delivery.deadLetter({ code: "unreadable", detail: "no JSON" }));
    const { code, stdout } = await deadLetters("show", "1");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^body +3 bytes of application\/json, which cannot be read: /m);
  });

  it("replays them into their queue, where a worker runs them", async () => {
    const sent = await app.sendTask("test.add", { args: [20, 22] });
    await take("celery", (delivery) => delivery.deadLetter({ code: "rejected", detail: "no" }));
    expect(await deadLetters("replay", "1")).toEqual({ code: 0, stdout: "Replayed 1 message.\n", stderr: "" });
    await bed.worker();
    expect(await sent.get({ timeoutMs: 20_000 })).toBe(42);
    expect(await ids()).toEqual([]);
  });

  it("replays all that have a reason, also into another queue", async () => {
    await kill(["rejected", "unreadable", "rejected"]);
    await broker.declare(app.queues.topologyOf(["later"]));
    const { stdout } = await deadLetters("replay", "--all", "--reason", "rejected", "--to", "later", "--json");
    expect(JSON.parse(stdout)).toEqual({ replayed: 2, unknown: [] });
    expect(await broker.inspect("later")).toMatchObject({ ready: 2 });
    expect(await ids()).toEqual(["2"]);
  });

  it("drops them, all of them only when that is confirmed", async () => {
    await kill(["rejected", "unreadable", "rejected", "unreadable"]);
    expect(await deadLetters("drop", "1", "2")).toMatchObject({ code: 0, stdout: "Dropped 2 messages.\n" });
    expect(await deadLetters("drop", "--all")).toEqual({
      code: 2,
      stdout: "",
      stderr: "celeriac: Without a terminal to ask on, drop --all needs --force.\n",
    });
    expect(await ids()).toEqual(["3", "4"]);
    const { stdout } = await deadLetters("drop", "--all", "--force", "--reason", "rejected", "--json");
    expect(JSON.parse(stdout)).toEqual({ dropped: 1, unknown: [] });
    expect(await ids()).toEqual(["4"]);
  });

  it("has tasks that no worker knows among them", async () => {
    const worker = await bed.worker();
    await app.sendTask("test.typo");
    await eventually(() => expect(worker.log.some(({ level }) => level === "error")).toBe(true));
    expect(await ids("--reason", "unknown-task")).toEqual(["1"]);
  });

  it("are what a call points to that waited in vain", async () => {
    await kill(["rejected"]);
    const worker = await bed.worker();
    const late = await bed.withApp("call", "test.typo", "--wait", "2");
    expect(late).toEqual({
      code: 5,
      stdout: "",
      stderr: expect.stringMatching(
        /did not end within 2000 ms\. It is dead letter 2 \(unknown-task: .+\): see celeriac dead-letters show 2\.\n$/,
      ) as string,
    });
    expect(await worker.stop()).toBe(0);
  });

  it("names the ids that are unknown, and does the rest", async () => {
    await kill(["rejected", "rejected"]);
    expect(await deadLetters("replay", "1", "77")).toEqual({
      code: 1,
      stdout: "Replayed 1 message.\n",
      stderr: "celeriac: There is no dead letter 77.\n",
    });
    expect(await deadLetters("drop", "x", "2")).toMatchObject({ code: 1, stdout: "Dropped 1 message.\n" });
    expect(await deadLetters("show", "77")).toMatchObject({ code: 1, stdout: "" });
  });

  it("wants to know which", async () => {
    const wrong = await Promise.all([
      deadLetters("replay"),
      deadLetters("drop", "1", "--all"),
      deadLetters("drop", "1", "--queue", "celery"),
      deadLetters("list", "--limit", "many"),
    ]);
    expect(wrong.map(({ code, stdout }) => ({ code, stdout }))).toEqual(wrong.map(() => ({ code: 2, stdout: "" })));
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Signature } from "../../src/canvas/signature.ts";
import { Decimal, PlainDate, PlainDateTime, PlainTime, Uuid } from "../../src/message/python-values.ts";
import { DEBIAN_CELERY } from "../support/python.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

/** What each language calls the same value. */
const VALUES: readonly (readonly [what: string, ours: unknown, theirs: string])[] = [
  ["nothing", null, "None"],
  ["a truth", [true, false], "[True, False]"],
  ["a number", [0, -1, 1.5, 1e300], "[0, -1, 1.5, 1e+300]"],
  ["a big integer", [2n ** 70n, -(2n ** 64n)], "[1180591620717411303424, -18446744073709551616]"],
  ["no number", [NaN, Infinity, -Infinity], "[nan, inf, -inf]"],
  ["text", 'ünïcode 🥕 \0 "quoted" \\', `'ünïcode 🥕 \\x00 "quoted" \\\\'`],
  [
    "nested containers",
    { list: [1, [[], {}]], object: { "": [null] } },
    "{'list': [1, [[], {}]], 'object': {'': [None]}}",
  ],
];

/** And what older Celerys make of it: text on its way from Python, and Kombu's envelope on its way there. */
const TYPED_VALUES: readonly (readonly [...(typeof VALUES)[number], untyped: string, envelope: string])[] = [
  [
    "a moment",
    new Date("2026-01-02T03:04:05.678Z"),
    "datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)",
    "2026-01-02T03:04:05.678000Z",
    "{'__type__': 'datetime', '__value__': '2026-01-02T03:04:05.678000+00:00'}",
  ],
  [
    "a date with a time of no zone",
    new PlainDateTime("2026-01-02T03:04:05"),
    "datetime.datetime(2026, 1, 2, 3, 4, 5)",
    "2026-01-02T03:04:05",
    "{'__type__': 'datetime', '__value__': '2026-01-02T03:04:05'}",
  ],
  [
    "a date",
    new PlainDate("2026-01-02"),
    "datetime.date(2026, 1, 2)",
    "2026-01-02T00:00:00",
    "{'__type__': 'date', '__value__': '2026-01-02'}",
  ],
  [
    "a time",
    new PlainTime("03:04:05"),
    "datetime.time(3, 4, 5)",
    "03:04:05",
    "{'__type__': 'time', '__value__': '03:04:05'}",
  ],
  ["a decimal", new Decimal("1.10"), "Decimal('1.10')", "1.10", "{'__type__': 'decimal', '__value__': '1.10'}"],
  [
    "a UUID",
    new Uuid("12345678-1234-4678-9234-567812345678"),
    "UUID('12345678-1234-4678-9234-567812345678')",
    "12345678-1234-4678-9234-567812345678",
    "{'__type__': 'uuid', '__value__': {'hex': '12345678123446789234567812345678'}}",
  ],
];

describeInEachPlace((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open(place);
    await Promise.all([
      shop.pythonWorker({ queues: ["python", "both"] }),
      shop.worker({ queues: ["typescript", "both"] }),
    ]);
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  /** What a task of Python's got, as Python prints it, and what it returned. */
  async function sentToPython(value: unknown): Promise<readonly [shown: unknown, returned: unknown]> {
    const [shown, echoed] = await shop.app.sendBatch([call("python.show", value), call("python.echo", value)]);
    return [((await shown.get()) as string[])[0], await echoed.get()];
  }

  /** What a task of ours got, and what its result is to Python, as Python prints it. */
  async function sentByPython(value: string): Promise<readonly [got: unknown, returned: unknown]> {
    const returned = await shop.python(`repr(task("typescript.echo").delay(${value}).get(timeout=10))`);
    return [shop.received.at(-1), returned];
  }

  describe.each(VALUES)("%s", (_, ours, theirs) => {
    it("is the same to a task in Python, and comes back the same", async () => {
      expect(await sentToPython(ours)).toEqual([`(${theirs},)`, ours]);
    });

    it("is the same to a task of ours, and comes back the same", async () => {
      expect(await sentByPython(theirs)).toEqual([ours, theirs]);
    });
  });

  const isUntyped = place.peer === DEBIAN_CELERY;
  describe.each(TYPED_VALUES)("%s", (_, ours, theirs, untyped, envelope) => {
    it(`is ${isUntyped ? "an envelope" : "the same"} to a task in Python, and comes back the same`, async () => {
      expect(await sentToPython(ours)).toEqual([`(${isUntyped ? envelope : theirs},)`, ours]);
    });

    it(`is ${isUntyped ? "text" : "the same"} to a task of ours, and comes back so`, async () => {
      expect(await sentByPython(theirs)).toEqual(isUntyped ? [untyped, `'${untyped}'`] : [ours, theirs]);
    });
  });

  it("arguments by name find their parameters on the other side", async () => {
    const byName = await shop.app.sendTask("python.add", { args: [1], kwargs: { y: 2 } });
    expect(await byName.get()).toBe(3);
    const shown = await shop.app.sendTask("python.show", { args: [1], kwargs: { größe: [null], "any key": "ü" } });
    expect(await shown.get()).toEqual(["(1,)", "{'größe': [None], 'any key': 'ü'}"]);
    expect(await shop.python(`task("typescript.add").delay(1, y=2).get(timeout=10)`)).toBe(3);
    expect(await shop.python(`task("typescript.add").delay(y=2, x=1).get(timeout=10)`)).toBe(3);
  });

  it("a task in Python is told what we say of the call", async () => {
    const parent = await shop.app.sendTask("python.request", {
      args: [1, "two"],
      headers: { tenant: "ü" },
      priority: 3,
    });
    expect(await parent.get()).toMatchObject({
      id: parent.id,
      root: parent.id,
      parent: null,
      retries: 0,
      group: null,
      origin: expect.stringMatching(/^gen\d+@/) as string,
      tenant: "ü",
      priority: 3,
      queue: "python",
      argsrepr: "(1, 'two')",
    });
  });

  it("a task of ours is told what Python says of the call", async () => {
    const told = await shop.python(
      `task("typescript.request").apply_async((1, "two"), headers={"tenant": "ü"}, priority=3).get(timeout=10)`,
    );
    expect(told).toMatchObject({
      parent: null,
      retries: 0,
      group: null,
      origin: expect.stringMatching(/^gen\d+@/) as string,
      tenant: "ü",
      priority: 3,
      queue: "typescript",
      argsrepr: "(1, 'two')",
    });
  });

  it("queues and calls may have names of any characters", async () => {
    const [queue, ours, theirs] = ["größe 🥕 %s {a}:*", "ours: ü 🥕 *", "theirs: ü 🥕 *"];
    await Promise.all([
      shop.worker({ queues: [queue] }),
      shop.pythonWorker({ queues: [`their ${queue}`], pool: "solo" }),
    ]);
    const sent = await shop.app.sendTask("python.add", { args: [1], queue: `their ${queue}`, taskId: ours });
    expect(await sent.get({ timeoutMs: 10_000 })).toBe(1);
    expect(await shop.python(`result("${ours}").get(timeout=10)`)).toBe(1);
    const call = `task("typescript.add").apply_async((1,), queue="${queue}", task_id="${theirs}")`;
    expect(await shop.python(`${call}.get(timeout=10)`)).toBe(1);
    expect(await shop.app.result(theirs).get()).toBe(1);
  });

  it("headers of any value reach a task of ours", async () => {
    // Of Python, RabbitMQ takes neither NaN nor integers of more than 32 bits: it closes the connection.
    const [score, count] = place.broker === "rabbitmq" ? ["-0.5", "2**31 - 1"] : ["nan", "2**70"];
    const headers = `{"score": ${score}, "count": ${count}, "when": datetime.datetime(2026, 1, 2), "tenant": None}`;
    const told = await shop.python(`task("typescript.request").apply_async(headers=${headers}).get(timeout=5)`);
    expect(told).toMatchObject({ tenant: null, queue: "typescript" });
  });

  it.each(["gzip", "zlib"])("a body that Python compressed with %s is read", async (compression) => {
    const call = `task("typescript.echo").apply_async(("ü" * 1000,), compression="${compression}")`;
    expect(await shop.python(`${call}.get(timeout=5)`)).toBe("ü".repeat(1000));
  });

  it("a body that we compressed is read by Python", async () => {
    await using app = shop.otherApp({ taskCompression: "gzip" });
    const result = await app.sendTask("python.echo", { args: ["ü".repeat(1000)], queue: "python" });
    expect(await result.get({ timeoutMs: 5_000 })).toBe("ü".repeat(1000));
  });

  it("a megabyte goes there and back", async () => {
    const text = "0123456789abcde\n".repeat(65_536);
    expect(await (await shop.app.sendTask("python.echo", { args: [text] })).get()).toBe(text);
    expect(await shop.python(`task("typescript.echo").delay("ü" * 2**20).get(timeout=10) == "ü" * 2**20`)).toBe(true);
  });

  it("messages of Celery's old protocol are understood", async () => {
    await using old = await Shop.open({ ...place, settings: { task_protocol: 1 } });
    await old.worker({ queues: ["typescript"] });
    expect(await old.python(`task("typescript.add").delay(1, y=2).get(timeout=10)`)).toBe(3);
    expect(await old.python(`task("typescript.add").apply_async((1,), countdown=0.1).get(timeout=10)`)).toBe(1);
  });

  it("a task that another sent is of its family", async () => {
    const ours = await shop.app.sendTask<string>("python.delegate");
    expect(await shop.app.result(await ours.get()).get()).toMatchObject({ root: ours.id, parent: ours.id });
    const [id, childId] = (await shop.python(
      `[(sent := task("typescript.delegate").delay()).id, sent.get(timeout=10)]`,
    )) as [string, string];
    expect(await shop.app.result(childId).get()).toMatchObject({ root: id, parent: id });
  });

  it("what tasks are followed by is sent across, and back", async () => {
    const chain = `chain(task("python.add").clone((1, 2)), task("typescript.add").clone((3,)), task("python.add").clone((4,)))`;
    expect(await shop.python(`${chain}().get(timeout=10)`)).toBe(10);
    const link = new Signature({ task: "python.add", args: [10], options: { taskId: "linked" } });
    await shop.app.sendTask("typescript.add", { args: [1, 2], link });
    expect(await shop.app.result("linked").get()).toBe(13);
    const linkError = new Signature({ task: "typescript.echo", options: { taskId: "linked error" } });
    const failed = await shop.app.sendTask("python.fail", { args: ["ValueError"], linkError });
    expect(await shop.app.result("linked error").get()).toBe(failed.id);
  });

  it("both kinds of worker take their share of one queue, and each call runs once", async () => {
    const ours = await shop.app.sendBatch(Array.from({ length: 50 }, () => call("both.where").set({ queue: "both" })));
    const theirs = shop.python(`group(task("both.where").set(queue="both") for _ in range(50))().get(timeout=10)`);
    const places = [...(await Promise.all(ours.map((result) => result.get()))), ...((await theirs) as string[])];
    expect(places).toHaveLength(100);
    expect(new Set(places)).toEqual(new Set(["python", "typescript"]));
  });
});

function call(task: string, ...args: readonly unknown[]): Signature {
  return new Signature({ task, args });
}

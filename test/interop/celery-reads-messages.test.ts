import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeTask } from "../../src/message/decode-task.ts";
import { decodeJson, MAX_DEPTH } from "../../src/message/json.ts";
import { encodeTask } from "../../src/message/protocol-v2.ts";
import type { EncodeTaskOptions } from "../../src/message/protocol-v2.ts";
import { reprArgs, reprKwargs } from "../../src/message/python-repr.ts";
import { Decimal, PlainDate, PlainDateTime, PlainTime, PreciseDate, Uuid } from "../../src/message/python-values.ts";
import { NO_FOLLOW_UPS } from "../../src/message/task-request.ts";
import type { SignatureDict, TaskRequest } from "../../src/message/task-request.ts";
import { goldenMessage } from "../support/golden.ts";
import { TASK_ID, taskRequest } from "../support/task-request.ts";
import { wireValue } from "../support/wire-value.ts";
import { celeryReads, PYTHON } from "./celery-worker-reads.ts";
import type { SeenByCelery } from "./celery-worker-reads.ts";

interface Case extends EncodeTaskOptions {
  readonly request: TaskRequest;
  /** What Celery must see of it. */
  readonly sees: Readonly<Record<string, unknown>>;
}

const MOMENT = new Date("2026-01-02T03:04:05.678Z");
const FUTURE = new Date("2096-01-02T03:04:05Z");
const STEP: SignatureDict = {
  task: "next.step",
  args: [1, MOMENT],
  kwargs: { key: "word" },
  options: { task_id: "step-1", queue: "slow" },
  subtask_type: null,
  immutable: true,
};

function call(changes: Partial<TaskRequest>, sees: Case["sees"], options: EncodeTaskOptions = {}): Case {
  const { args = [], kwargs = {} } = changes;
  const request = taskRequest({ argsRepr: reprArgs(args), kwargsRepr: reprKwargs(kwargs), ...changes });
  return { request, sees: { verdict: "now", ...sees }, ...options };
}

/** So many lists, one in the other. */
function deep(levels: number): readonly unknown[] {
  return levels === 1 ? [] : [deep(levels - 1)];
}

const CASES: Readonly<Record<string, Case>> = {
  "a plain call": call(
    { args: [2, 3] },
    {
      id: TASK_ID,
      type: "golden.add",
      name: "golden.add",
      rootId: TASK_ID,
      parentId: null,
      retries: 0,
      correlationId: TASK_ID,
      replyTo: "99999999-8888-4777-8666-555555555555",
      priority: 0,
      pythonArgs: "(2, 3)",
      argsRepr: "(2, 3)",
      headers: null,
      origin: "gen4711@golden",
    },
  ),
  "keyword arguments": call({ kwargs: { x: [null, true] } }, { pythonKwargs: "{'x': [None, True]}" }),
  "odd text": call(
    { args: ["é😀\u2028", String.fromCharCode(0), "it's", String.fromCharCode(0xd800)] },
    { pythonArgs: "('é😀\\u2028', '\\x00', \"it's\", '\\ud800')" },
  ),
  "odd numbers": call(
    { args: [2 ** 53, 2n ** 64n, -0, NaN, Infinity, -Infinity, 1e300] },
    { pythonArgs: "(9007199254740992.0, 18446744073709551616, -0.0, nan, inf, -inf, 1e+300)" },
  ),
  "typed values": call(
    {
      args: [
        MOMENT,
        new PreciseDate("2026-01-02T03:04:05.678901+05:30"),
        new PlainDateTime("2026-01-02T03:04:05.000001"),
        new PlainDate("2026-01-02"),
        new PlainTime("03:04:00"),
        new Decimal("1.50"),
        new Uuid(TASK_ID),
        new TextEncoder().encode("é'"),
        new Uint8Array([0xff, 0]),
      ],
    },
    {
      pythonArgs:
        "(datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc), " +
        "datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone(datetime.timedelta(seconds=19800))), " +
        "datetime.datetime(2026, 1, 2, 3, 4, 5, 1), datetime.date(2026, 1, 2), datetime.time(3, 4), Decimal('1.50'), " +
        `UUID('${TASK_ID}'), b"\\xc3\\xa9'", b'\\xff\\x00')`,
    },
  ),
  "an eta": call({ eta: FUTURE }, { verdict: "at eta", eta: "2096-01-02T03:04:05+00:00" }),
  "an expiry": call(
    { expires: FUTURE },
    { expires: "2096-01-02T03:04:05+00:00", expiration: "1500" },
    { now: FUTURE.getTime() - 1500 },
  ),
  "a group's member": call(
    { groupId: "g", groupIndex: 3, parentId: "p", rootId: "r" },
    {
      group: "g",
      groupIndex: 3,
      parentId: "p",
      rootId: "r",
    },
  ),
  "a shadowed retry": call(
    { shadow: "seen.as", retries: 2, priority: 7 },
    { name: "seen.as", retries: 2, priority: 7 },
  ),
  "time limits": call({ timeLimit: { hardMs: 30_000, softMs: 2500 } }, { timeLimits: [30, 2.5] }),
  "an ignored result": call(
    { ignoreResult: true, replacedTaskNesting: 1 },
    { ignoreResult: true, replacedTaskNesting: 1 },
  ),
  stamps: call({ stamps: { customer: "acme" } }, { stamps: { customer: "acme" }, stampedHeaders: ["customer"] }),
  "the caller's headers": call({ headers: { "x-trace": ["a", 1] } }, { headers: { "x-trace": ["a", 1] } }),
  "arguments as deep as can be": call({ args: deep(MAX_DEPTH) }, {}),
  "a call without a reply queue": call({ replyTo: null }, { replyTo: null }),
  "a body compressed by gzip": call({ args: ["again ".repeat(50)] }, {}, { compression: "gzip" }),
  "a body compressed by zlib": call({ args: ["again ".repeat(50)] }, {}, { compression: "zlib" }),
  "follow-ups": call({ followUps: { callbacks: [STEP], errbacks: [STEP], chain: [STEP, STEP], chord: STEP } }, {}),
};

describe.skipIf(PYTHON === "")("a Celery worker (CELERIAC_TEST_PYTHON) that gets a message of ours", () => {
  const names = Object.keys(CASES);
  let seen: ReadonlyMap<string, SeenByCelery>;

  beforeAll(async () => {
    const answers = await celeryReads(
      Object.values(CASES).map(({ request, ...options }) => encodeTask(request, options)),
    );
    seen = new Map(names.map((name, index) => [name, answers[index] as SeenByCelery]));
  }, 120_000);

  it.each(names)("sees what was sent: %s", (name) => {
    const { request, sees } = CASES[name] as Case;
    const { args, kwargs, followUps } = request;
    const answer = seen.get(name);
    expect(answer).toMatchObject(sees);
    const embed = {
      ...followUps,
      ...(followUps === NO_FOLLOW_UPS ? { callbacks: null, errbacks: null, chain: null } : {}),
    };
    expect(decodeJson(answer?.json ?? "")).toEqual([args, kwargs, embed]);
  });
});

describe.skipIf(PYTHON === "")("generated arguments, read by Celery (CELERIAC_TEST_PYTHON),", () => {
  it("are, and print, in Python as they do here", async () => {
    const calls = fc.sample(
      fc.tuple(fc.array(wireValue(), { maxLength: 3 }), fc.dictionary(fc.string(), wireValue(), { maxKeys: 3 })),
      {
        numRuns: 300,
        seed: 42,
      },
    );
    const messages = calls.map(([args, kwargs]) => encodeTask(taskRequest({ args, kwargs })));
    for (const [index, answer] of (await celeryReads(messages)).entries()) {
      const [args, kwargs] = calls[index] as (typeof calls)[number];
      expect(answer.verdict).toBe("now");
      expectPrinted(reprArgs(args), answer.pythonArgs);
      expectPrinted(reprKwargs(kwargs), answer.pythonKwargs);
      expect((decodeJson(answer.json) as unknown[]).slice(0, 2)).toEqual([args, kwargs]);
    }
  }, 120_000);

  it("of a golden message come back unchanged when it is sent again", async () => {
    const messages = ["typed-values", "numbers", "unicode", "links", "chord-header"].map(goldenMessage);
    const again = messages.map((message) => encodeTask(decodeTask(message, { accept: ["json"] })));
    const [before, after] = await Promise.all([celeryReads(messages), celeryReads(again)]);
    const valuesOf = ({ verdict, pythonArgs, pythonKwargs, json }: SeenByCelery): unknown => [
      verdict,
      pythonArgs,
      pythonKwargs,
      json,
    ];
    expect(after.map(valuesOf)).toEqual(before.map(valuesOf));
    expect(after.map(({ verdict }) => verdict)).toEqual(messages.map(() => "now"));
  }, 120_000);
});

/** What is too long is cut here and not in Python. */
function expectPrinted(ours: string, python: string): void {
  if (python.length <= 1000) expect(ours).toBe(python);
  else expect(ours.slice(0, 600)).toBe(python.slice(0, 600));
}

import { describe, expect, it } from "vitest";
import { decodeTask } from "../../src/message/decode-task.ts";
import { UnreadableMessageError } from "../../src/message/errors.ts";
import { encodeTask } from "../../src/message/protocol-v2.ts";
import {
  Decimal,
  isoFormat,
  PlainDate,
  PlainDateTime,
  PlainTime,
  PreciseDate,
  Uuid,
} from "../../src/message/python-values.ts";
import { NO_FOLLOW_UPS } from "../../src/message/task-request.ts";
import type { SignatureDict, TaskRequest } from "../../src/message/task-request.ts";
import { goldenMessage, goldenNames } from "../support/golden.ts";
import { TASK_ID, taskRequest } from "../support/task-request.ts";

const ACCEPT = { accept: ["json"] };
const REPLY_TO = "99999999-8888-4777-8666-555555555555";
const MOMENT = new Date("2026-01-02T03:04:05.678Z");
const IN_90_S = new Date("2026-11-22T15:31:53.660Z");
const IN_120_S = new Date("2026-11-22T15:32:23.660Z");

const ONE: Partial<TaskRequest> = { args: [1], argsRepr: "(1,)" };
const FAMILY_OF = (id: string): Partial<TaskRequest> => ({ id, rootId: id });

function signature(arg: unknown, more: Partial<SignatureDict> = {}): SignatureDict {
  return { task: "golden.add", args: [arg], kwargs: {}, options: {}, subtask_type: null, immutable: false, ...more };
}

const COMPRESSED: Partial<TaskRequest> = {
  args: ["compress me ".repeat(20)],
  argsRepr: `('${"compress me ".repeat(20)}',)`,
};
const PROTOCOL_1: Partial<TaskRequest> = {
  args: [1, "two"],
  kwargs: { three: 3 },
  argsRepr: "(1, 'two')",
  kwargsRepr: "{'three': 3}",
  origin: "",
  ignoreResult: null,
};

const NUL = String.fromCharCode(0);
const LONE_SURROGATE = String.fromCharCode(0xd800);

/** What each golden message says, where it differs from a plain call. */
const EXPECTED: Readonly<Record<string, Partial<TaskRequest>>> = {
  plain: { args: [2, 3], argsRepr: "(2, 3)" },
  "no-arguments": {},
  kwargs: {
    kwargs: { x: 1, y: [true, null, 1.5], z: { deep: { er: "yes" } } },
    kwargsRepr: "{'x': 1, 'y': [True, None, 1.5], 'z': {'deep': {'er': 'yes'}}}",
  },
  unicode: {
    args: ["é 😀 \u2028", `nul ${NUL} in it`, "it's", '"quoted"', "line\nbreak", LONE_SURROGATE],
    kwargs: { schlüssel: "wert" },
    argsRepr: `('é 😀 \u2028', 'nul ${NUL} in it', 'it\\'s', '"quoted"', 'line\nbreak', '${LONE_SURROGATE}')`,
    kwargsRepr: "{'schlüssel': 'wert'}",
  },
  "typed-values": {
    args: [
      MOMENT,
      new PreciseDate("2026-01-02T03:04:05.678901+00:00"),
      new PreciseDate("2026-01-02T03:04:05+05:30"),
      new PlainDateTime("2026-01-02T03:04:05.678000"),
      new PlainDate("2026-01-02"),
      new PlainTime("03:04:05.678901"),
      new Decimal("1.50"),
      new Uuid(TASK_ID),
      new TextEncoder().encode("text é"),
      new Uint8Array([0xff, 0]),
    ],
    kwargs: { when: MOMENT },
    argsRepr: expect.stringMatching(/^\(datetime\.datetime\(2026, 1, 2, 3, 4, 5, 678000, tzinfo=/) as string,
    kwargsRepr: "{'when': datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)}",
  },
  numbers: {
    args: [2n ** 53n, -(2n ** 64n), 10n ** 40n, 1.5, -0, 1e22, Infinity, -Infinity, NaN],
    argsRepr: `(9007199254740992, -18446744073709551616, 1${"0".repeat(40)}, 1.5, -0.0, 1e+22, inf, -inf, nan)`,
  },
  countdown: { ...ONE, eta: IN_90_S },
  eta: { ...ONE, eta: MOMENT },
  "eta-other-offset": { ...ONE, eta: new Date("2026-01-02T03:04:05.678+05:30") },
  expires: { ...ONE, expires: IN_120_S },
  "expires-past": { ...ONE, expires: MOMENT },
  priority: { ...ONE, priority: 7 },
  chain: {
    ...ONE,
    ...FAMILY_OF("015c33b2-df14-41aa-b8eb-18b900745130"),
    followUps: {
      ...NO_FOLLOW_UPS,
      chain: [
        signature(3, { options: { task_id: TASK_ID, reply_to: REPLY_TO } }),
        signature(2, {
          options: { task_id: "21da8978-206f-4c66-b1e0-c07e9e115e4b", reply_to: REPLY_TO },
          immutable: true,
        }),
      ],
    },
  },
  "group-member": {
    args: [2],
    argsRepr: "(2,)",
    ...FAMILY_OF("a02fdaa1-ad86-4c44-a049-548e8a0a8c96"),
    groupId: "2a9eba0c-df56-4d80-aa75-9159fb7ff337",
    groupIndex: 1,
  },
  links: {
    ...ONE,
    followUps: {
      ...NO_FOLLOW_UPS,
      callbacks: [signature(2), signature(3, { immutable: true })],
      errbacks: [signature("failed")],
    },
  },
  "chord-header": {
    args: [2],
    argsRepr: "(2,)",
    ...FAMILY_OF("b52a43ab-ad8d-494a-9892-139600ddb74d"),
    groupId: "ef901b93-2a7c-4880-aa37-53915c76f18a",
    groupIndex: 1,
    followUps: {
      ...NO_FOLLOW_UPS,
      chord: signature("body", {
        options: {
          task_id: "54f46a69-10ac-4f00-8389-2dfc254cb864",
          reply_to: REPLY_TO,
          group_id: "ef901b93-2a7c-4880-aa37-53915c76f18a",
        },
      }),
    },
  },
  retry: {
    task: "golden.again",
    args: [1, "two"],
    kwargs: { three: 3 },
    argsRepr: "(1, 'two')",
    kwargsRepr: "{'three': 3}",
    parentId: TASK_ID,
    eta: new Date("2026-11-22T15:30:30.660Z"),
    retries: 1,
    headers: { "x-mine": "kept" },
    priority: 4,
  },
  shadow: { ...ONE, shadow: "golden.seen-as" },
  "time-limits": { ...ONE, timeLimit: { hardMs: 30_000, softMs: 2500 } },
  "ignore-result": { ...ONE, ignoreResult: true },
  stamps: { ...ONE, stamps: { customer: "acme" } },
  "custom-headers": { ...ONE, headers: { "x-trace": "abc", "x-nested": { n: [1, null] } } },
  gzip: COMPRESSED,
  zlib: COMPRESSED,
  "long-argument": {
    args: ["x".repeat(1500), Array.from({ length: 100 }, (_, index) => index)],
    argsRepr: `('${"x".repeat(1023)}...', ...)`,
  },
  "protocol-1": PROTOCOL_1,
  "protocol-1-options": {
    ...PROTOCOL_1,
    eta: IN_90_S,
    expires: IN_120_S,
    timeLimit: { hardMs: 30_000, softMs: null },
    priority: 3,
    followUps: { ...NO_FOLLOW_UPS, callbacks: [signature(2)] },
  },
};

const UNREADABLE: Readonly<Record<string, RegExp>> = { bzip2: /compressed with "application\/x-bz2"/ };

describe("a message that Celery wrote", () => {
  it("is expected here, whichever it is", () => {
    expect([...Object.keys(EXPECTED), ...Object.keys(UNREADABLE)].sort()).toEqual([...goldenNames].sort());
  });

  it.each(Object.keys(EXPECTED))("says what its sender said: %s", (name) => {
    expect(decodeTask(goldenMessage(name), ACCEPT)).toEqual(taskRequest(EXPECTED[name]));
  });

  it.each(Object.keys(UNREADABLE))("is refused with its reason: %s", (name) => {
    expect(() => decodeTask(goldenMessage(name), ACCEPT)).toThrow(UnreadableMessageError);
    expect(() => decodeTask(goldenMessage(name), ACCEPT)).toThrow(UNREADABLE[name]);
  });

  const plainV2 = Object.keys(EXPECTED).filter((name) => !name.startsWith("protocol-1"));

  it.each(plainV2)("has the same headers when it is sent again: %s", (name) => {
    const message = goldenMessage(name);
    const again = encodeTask(decodeTask(message, ACCEPT), { now: Date.UTC(2026, 10, 22, 15, 30, 23, 660) });
    const expected: Record<string, unknown> = { ...message.headers, lang: "js" };
    delete expected["compression"];
    for (const name of ["eta", "expires"]) {
      const date = expected[name];
      if (typeof date === "string") expected[name] = isoFormat(new Date(date));
    }
    expect(again.headers).toEqual(expected);
    expect(again.properties).toEqual(message.properties);
  });
});

import { expect, it } from "vitest";
import { EventDump } from "../../../src/cli/event-dump.ts";
import type { ReceivedEvent } from "../../../src/events/event-receiver.ts";

const HEAD = { hostname: "w@h", utcoffset: 0, pid: 1, clock: 2, timestamp: 1_767_268_800.25, local_received: 3.5 };
const STAMP = "w@h [2026-01-01 12:00:00.250000+00:00]";

function lines(...events: readonly object[]): readonly string[] {
  const dump = new EventDump();
  return events.map((own) => dump.line({ ...HEAD, ...own } as unknown as ReceivedEvent));
}

it("an event of a worker is told in Celery's words, its fields in the order of their names", () => {
  const [online, beat] = lines(
    { type: "worker-online", freq: 2, loadavg: [0.5, 1, 2], sw_sys: "Linux" },
    { type: "worker-heartbeat", timestamp: 1_767_268_800 },
  );
  const common = "local_received=3.5";
  expect(online).toBe(
    `${STAMP} started: clock=2, freq=2, loadavg=[0.5, 1, 2], ${common}, pid=1, sw_sys=Linux, utcoffset=0`,
  );
  expect(beat).toBe(`w@h [2026-01-01 12:00:00+00:00] heartbeat: clock=2, ${common}, pid=1, utcoffset=0`);
});

it("an event of a task is told with its call, where that was heard", () => {
  const call = { name: "add", args: "(1, 2)", kwargs: "{}", eta: null };
  const [received, succeeded, other] = lines(
    { type: "task-received", uuid: "a", ...call },
    { type: "task-succeeded", uuid: "a", result: "3" },
    { type: "task-started", uuid: "b" },
  );
  const fields = "local_received=3.5, pid=1";
  expect(received).toBe(
    `${STAMP} task received: add(a) args=(1, 2) kwargs={} clock=2, eta=None, ${fields}, utcoffset=0`,
  );
  expect(succeeded).toBe(
    `${STAMP} task succeeded: add(a) args=(1, 2) kwargs={} clock=2, ${fields}, result=3, utcoffset=0`,
  );
  expect(other).toBe(`${STAMP} task started:  clock=2, ${fields}, utcoffset=0`);
});

it("what a terminal would obey is written out", () => {
  const [line] = lines({ type: "task-failed", uuid: "a", exception: "E('\u001b[2J')", traceback: "one\n\ttwo\u009b" });
  expect(line).toContain(String.raw`exception=E('\x1b[2J')`);
  expect(line).toContain("traceback=one\n\ttwo\\x9b");
});

import { expect, it } from "vitest";
import { statusLine } from "../../../src/cli/status-line.ts";

const since = Date.parse("2031-12-24T18:00:00Z") / 1_000;
const task = { id: "3f0c", name: "reports.render", time_start: since };
const wedged = { state: "wedged", since, why: "event loop blocked" };

it.each([
  ["of Python", { ok: "pong" }, "OK"],
  ["that is up", { ok: "pong", liveness: { state: "up", since } }, "OK"],
  ["that is busy", { ok: "pong", liveness: { state: "busy", since, task } }, "OK"],
  ["that refuses", { error: "KeyError('ping')" }, "ERROR"],
  [
    "that is wedged",
    { ok: "pong", liveness: { ...wedged, task, oldest_task: null } },
    "WEDGED since 2031-12-24T18:00:00.000Z, event loop blocked in reports.render[3f0c]",
  ],
  [
    "that is wedged in one of several",
    { ok: "pong", liveness: { ...wedged, task: null, oldest_task: task } },
    "WEDGED since 2031-12-24T18:00:00.000Z, event loop blocked; longest running: reports.render[3f0c]",
  ],
  [
    "that says odd things",
    { ok: "pong", liveness: { state: "wedged", since: "x", task: { id: 1 } } },
    "WEDGED since a while, for no known reason in ?[?]",
  ],
])("a worker %s", (_what, answer, said) => {
  expect(statusLine("w1@here", answer)).toBe(`->  w1@here: ${said}`);
});

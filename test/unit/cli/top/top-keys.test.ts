import { expect, it } from "vitest";
import { choose, FIRST_CHOICES, isQuit, type TopChoices } from "../../../../src/cli/top/top-keys.ts";

function after(...keys: readonly string[]): TopChoices {
  return keys.reduce((choices, key) => choose(choices, key, 12), FIRST_CHOICES);
}

it("keys choose the pane, its first row, which tasks, and a pause", () => {
  expect(after("w")).toMatchObject({ pane: "workers" });
  expect(after("tab", "tab")).toMatchObject({ pane: "queues" });
  expect(after("down", "down", "up")).toMatchObject({ offset: 1 });
  expect(after("up")).toMatchObject({ offset: 0 });
  expect(after("pagedown", "pagedown")).toMatchObject({ offset: 12 });
  expect(after("down", "u")).toMatchObject({ pane: "queues", offset: 0 });
  expect(after("r", "p")).toMatchObject({ tasks: "latest", isPaused: true });
  expect(after("r", "p", "r", "p", "x")).toEqual(FIRST_CHOICES);
});

it("an empty pane cannot be scrolled", () => {
  expect(choose(FIRST_CHOICES, "down", -1)).toMatchObject({ offset: 0 });
});

it("q and Ctrl-C quit", () => {
  expect(["q", "ctrl-c", "c", "r"].map(isQuit)).toEqual([true, true, false, false]);
});

import { PANES, type PaneName, type TopView } from "./render-top.ts";

/** What keys change. */
export type TopChoices = Pick<TopView, "pane" | "offset" | "tasks" | "isPaused">;

export const KEYS_HELP = "q quit  tab/w/u/t pane  ↑↓ scroll  r running or latest tasks  p pause";

export const FIRST_CHOICES: TopChoices = { pane: "tasks", offset: 0, tasks: "running", isPaused: false };

const PANE_KEYS: ReadonlyMap<string, PaneName> = new Map([
  ["w", "workers"],
  ["u", "queues"],
  ["t", "tasks"],
]);
/** Rows that a key goes down. */
const STEPS: ReadonlyMap<string, number> = new Map([
  ["down", 1],
  ["up", -1],
  ["pagedown", 10],
  ["pageup", -10],
]);

/** The choices after a key; the same where it means nothing. `lastOffset` is the farthest that there is something to see at. */
export function choose(choices: TopChoices, key: string, lastOffset: number): TopChoices {
  const pane = key === "tab" ? nextPane(choices.pane) : PANE_KEYS.get(key);
  if (pane !== undefined) return { ...choices, pane, offset: 0 };
  const step = STEPS.get(key);
  if (step !== undefined) return { ...choices, offset: Math.max(Math.min(choices.offset + step, lastOffset), 0) };
  if (key === "r") return { ...choices, tasks: choices.tasks === "running" ? "latest" : "running", offset: 0 };
  return key === "p" ? { ...choices, isPaused: !choices.isPaused } : choices;
}

export function isQuit(key: string): boolean {
  return key === "q" || key === "ctrl-c";
}

function nextPane(pane: PaneName): PaneName {
  return PANES[(PANES.indexOf(pane) + 1) % PANES.length] ?? pane;
}

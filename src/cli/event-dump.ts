import type { ReceivedEvent } from "../events/event-receiver.ts";
import { pythonRepr } from "../message/python-repr.ts";

/** So many tasks are remembered, to tell their calls with each of their events. */
const MAX_TASKS = 4_095;

const HUMAN_TYPES: ReadonlyMap<string, string> = new Map([
  ["worker-offline", "shutdown"],
  ["worker-online", "started"],
  ["worker-heartbeat", "heartbeat"],
]);

/** Events as lines of text, like those of `celery events --dump`. Celery: `celery/events/dumper.py:Dumper`. */
export class EventDump {
  /** What is known of a task's call, by its id. */
  readonly #calls = new Map<string, string>();

  line(event: ReceivedEvent): string {
    const { timestamp, type, hostname, ...fields } = event as Fields;
    const head = `${hostname} [${timeText(timestamp)}] ${HUMAN_TYPES.get(type) ?? type.replaceAll("-", " ")}`;
    return printable(head + (type.startsWith("task-") ? this.#taskText(type, fields) : fieldsText("", fields)));
  }

  #taskText(type: string, { uuid, ...fields }: Readonly<Record<string, unknown>>): string {
    const id = text(uuid);
    if (type !== "task-received" && type !== "task-sent") return fieldsText(` ${this.#calls.get(id) ?? ""}`, fields);
    const { name, args, kwargs, ...rest } = fields;
    const call = `${text(name)}(${id}) args=${text(args)} kwargs=${text(kwargs)}`;
    this.#remember(id, call);
    return fieldsText(` ${call}`, rest);
  }

  #remember(id: string, call: string): void {
    this.#calls.delete(id);
    this.#calls.set(id, call);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > MAX_TASKS && oldest !== undefined) this.#calls.delete(oldest);
  }
}

interface Fields extends Readonly<Record<string, unknown>> {
  readonly hostname: string;
  readonly timestamp: number;
  readonly type: string;
}

function fieldsText(call: string, fields: Readonly<Record<string, unknown>>): string {
  const shown = Object.keys(fields)
    .sort()
    .map((name) => `${name}=${text(fields[name])}`);
  return `${shown.length === 0 ? "" : ":"}${call} ${shown.join(", ")}`;
}

/** As Python's `str` has it. */
function text(value: unknown): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

/** As Python prints a datetime in UTC: `2026-01-01 12:00:00.250000+00:00`. */
function timeText(timestamp: number): string {
  const microseconds = Math.round(timestamp * 1_000_000);
  const date = new Date(Math.floor(microseconds / 1_000));
  if (Number.isNaN(date.getTime())) return String(timestamp);
  const fraction = microseconds % 1_000_000;
  const seconds = date.toISOString().slice(0, -5).replace("T", " ");
  return `${seconds}${fraction === 0 ? "" : `.${String(fraction).padStart(6, "0")}`}+00:00`;
}

/** What a terminal would obey comes from others; lines and tabs are harmless. */
function printable(line: string): string {
  return line.replace(/[^\P{Cc}\n\t]/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

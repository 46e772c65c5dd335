import { CanvasError } from "./errors.ts";
import type { SignatureDict } from "../message/task-request.ts";

/** Marks on a call, by their names. Workers can be told to revoke what has one, and extended results keep them. */
export type Stamps = Readonly<Record<string, unknown>>;

type Options = SignatureDict["options"];

/** As options of a signature: each under its own name, and all the names. Source: `celery/app/amqp.py:AMQP.as_task_v2`. */
export function stampsToWire(stamps: Stamps): Options {
  return { ...stamps, stamped_headers: Object.keys(stamps) };
}

/** Those among a signature's options. */
export function stampsIn(options: Options): Stamps {
  const names: unknown = options["stamped_headers"];
  if (!Array.isArray(names)) return {};
  const there = names.filter((name): name is string => typeof name === "string" && Object.hasOwn(options, name));
  return Object.fromEntries(there.map((name) => [name, options[name]]));
}

/**
 * Both: of two values for one stamp the first counts, or, with `append`, a list of both. Two lists become one anyway.
 * Celery: `celery/canvas.py:_merge_dictionaries`.
 */
export function mergedStamps(first: Stamps, second: Stamps, append: boolean): Stamps {
  const merged: Record<string, unknown> = { ...second, ...first };
  for (const name of Object.keys(first)) {
    if (!Object.hasOwn(second, name)) continue;
    const [one, other] = [first[name], second[name]];
    if (append || (Array.isArray(one) && Array.isArray(other))) merged[name] = [...listOf(one), ...listOf(other)];
  }
  return merged;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** Options that a stamp of the same name would displace. Throws CanvasError. */
export function refuseOptionNames(stamps: Stamps, optionNames: ReadonlySet<string>): void {
  const name = Object.keys(stamps).find((stamp) => optionNames.has(stamp));
  if (name !== undefined)
    throw new CanvasError(`A stamp cannot be called "${name}": an option of calls has that name.`);
}

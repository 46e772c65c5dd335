import { appendFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Celeriac } from "celeriac";
import { z } from "zod";
import { nameOf } from "./names.ts";

type Numbers = readonly number[];

export function defineValues(app: Celeriac): void {
  app.task(nameOf("identity"), { params: ["x"] }, (x: unknown) => x);
  app.task(nameOf("add"), { params: ["x", "y", "z?"] }, addUp);
  app.task(nameOf("add_not_typed"), { params: ["x", "y"] }, plus);
  app.task(nameOf("add_ignore_result"), { params: ["x", "y"], ignoreResult: true }, plus);
  app.task(nameOf("add_with_result"), { params: ["x", "y"], ignoreResult: false }, plus);
  app.task(nameOf("mul"), { params: ["x", "y"] }, (x: number, y: number) => x * y);
  app.task(nameOf("tsum"), { params: ["nums"] }, sum);
  app.task(nameOf("xsum"), { params: ["nums"] }, (numbers: readonly (number | Numbers)[]) =>
    sum(numbers.map((each) => (typeof each === "number" ? each : sum(each)))),
  );
  app.task(nameOf("write_to_file_and_return_int"), { params: ["file_name", "i"] }, async (file: string, i: number) => {
    await appendFile(file, `${String(i)}\n`);
    return i;
  });
  for (const name of ["add_pydantic", "add_pydantic_string_annotations"])
    app.task(nameOf(name), { params: ["data"], args: z.tuple([z.object({ x: z.int(), y: z.int() })]) }, ({ x, y }) => ({
      result: x + y,
    }));
  app.task(
    nameOf("print_unicode"),
    { bind: true, params: ["log_message?", "print_message?"] },
    ({ log }, logMessage = "håå®ƒ valmuefrø", printMessage = "hiöäüß") => {
      log.warn(String(logMessage));
      console.log(printMessage);
    },
  );
  defineSlowValues(app);
}

function defineSlowValues(app: Celeriac): void {
  const params = ["numbers", "pause_time?"] as const;
  app.task(nameOf("delayed_sum"), { params }, async (numbers: Numbers, seconds?: number) => {
    await sleep((seconds ?? 1) * 1000);
    return sum(numbers);
  });
  app.task(
    nameOf("delayed_sum_with_soft_guard"),
    { bind: true, params },
    async ({ signal }, numbers: Numbers, seconds?: number) => {
      const isOver = await sleep((seconds ?? 1) * 1000, true, { signal }).catch(() => false);
      return isOver ? sum(numbers) : 0;
    },
  );
  // Whatever it is given by name besides, it passes over.
  app.task(
    nameOf("sleeping"),
    { bind: true, params: ["i"], kwargs: z.looseObject({ i: z.number() }) },
    async ({ signal }, { i }) => {
      await sleep(i * 1000, undefined, { signal });
    },
  );
}

function addUp(x: unknown, y: unknown, z?: unknown): unknown {
  const both = plus(x, y);
  return z ? plus(both, z) : both;
}

/** As Python adds numbers, texts and lists. */
function plus(x: unknown, y: unknown): unknown {
  if (typeof x === "number" && typeof y === "number") return x + y;
  if (typeof x === "string" && typeof y === "string") return x + y;
  if (Array.isArray(x) && Array.isArray(y)) return [...(x as unknown[]), ...(y as unknown[])];
  throw new TypeError(`These cannot be added: ${typeof x} and ${typeof y}.`);
}

function sum(numbers: Numbers): number {
  return numbers.reduce((total, each) => {
    if (typeof each !== "number") throw new TypeError("Only numbers can be added up.");
    return total + each;
  }, 0);
}

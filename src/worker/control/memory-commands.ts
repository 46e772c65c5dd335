import type { Commands } from "./command-table.ts";

/** Samples that are kept for `memdump`; the oldest go first. */
const MOST_SAMPLES = 1_000;

/** What the worker's own process takes; the processes of its pool are not counted. */
export function memoryCommands(): Commands {
  const samples: string[] = [];
  return {
    memsample: () => {
      const sample = residentMemory();
      samples.push(sample);
      if (samples.length > MOST_SAMPLES) samples.shift();
      return sample;
    },
    memdump: (args) => {
      const shown = evenlyOf(samples, args.count("samples", 10));
      samples.length = 0;
      const before = shown.length === 0 ? [] : ["- rss (sample):", ...shown.map((sample) => `-    > ${sample},`)];
      return [...before, `- rss (end): ${residentMemory()}.`, ""].join("\n");
    },
    objgraph: () => {
      throw new Error(
        "objgraph draws Python's objects, and a worker in Node.js has none: start it with --heapsnapshot-signal for heap snapshots",
      );
    },
  };
}

function residentMemory(): string {
  return humanBytes(process.memoryUsage.rss());
}

/** So many of them, evenly from the first on. Celery: `celery/utils/debug.py:sample`. */
function evenlyOf(items: readonly string[], count: number): readonly string[] {
  if (items.length <= count) return [...items];
  const step = Math.floor(items.length / Math.max(count, 1));
  return Array.from({ length: count }, (_, index) => items[index * step] as string);
}

const UNITS = [
  [2 ** 40, "TB"],
  [2 ** 30, "GB"],
  [2 ** 20, "MB"],
  [2 ** 10, "KB"],
  [1, "b"],
] as const;

/** `36.25MB`, `512b`. Celery: `celery/utils/debug.py:humanbytes`. */
export function humanBytes(bytes: number): string {
  const [size, unit] = UNITS.find(([size]) => bytes >= size) ?? [1, "b"];
  const amount = bytes / size;
  if (Number.isInteger(amount)) return `${String(amount)}${unit}`;
  const rounded = Number(amount.toPrecision(5));
  return `${Number.isInteger(rounded) ? rounded.toFixed(1) : String(rounded)}${unit}`;
}

import { expect, it } from "vitest";
import { ArgumentReader } from "../../../src/control/argument-reader.ts";
import { humanBytes, memoryCommands } from "../../../src/worker/control/memory-commands.ts";

it.each([
  [0, "0b"],
  [512, "512b"],
  [1024, "1KB"],
  [1536, "1.5KB"],
  [38_010_880, "36.25MB"],
  [129_447_731, "123.45MB"],
  [2 ** 30 - 1, "1024.0MB"],
  [3 * 2 ** 40, "3TB"],
])("%d bytes are %s, as Celery says it", (bytes, text) => {
  expect(humanBytes(bytes)).toBe(text);
});

it("tells of no more samples than it is asked for, evenly, and keeps no more than it should", () => {
  const { memsample, memdump } = memoryCommands();
  for (let sample = 0; sample < 1_200; sample += 1) memsample?.(new ArgumentReader({}));
  const lines = String(memdump?.(new ArgumentReader({ samples: 2_000 }))).split("\n");
  expect(lines.filter((line) => line.startsWith("-    > "))).toHaveLength(1_000);
  for (let sample = 0; sample < 25; sample += 1) memsample?.(new ArgumentReader({}));
  expect(String(memdump?.(new ArgumentReader({}))).match(/>/g)).toHaveLength(10);
  memsample?.(new ArgumentReader({}));
  expect(String(memdump?.(new ArgumentReader({ samples: 0 })))).toMatch(/^- rss \(end\)/);
});

import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lineOf, makeLogger, type LeveledLogger } from "../../../src/cli/logging.ts";

/** What `write` makes a logger write. */
function logged(options: { readonly pretty: boolean }, write: (log: LeveledLogger) => void): string {
  const directory = mkdtempSync(join(tmpdir(), "celeriac-log-"));
  const file = join(directory, "log");
  const destination = openSync(file, "w");
  try {
    write(makeLogger({ level: "info", colour: false, destination, ...options }));
    return readFileSync(file, "utf8");
  } finally {
    closeSync(destination);
    rmSync(directory, { recursive: true });
  }
}

describe("the log of a command", () => {
  it("is a line of JSON each, written before the call returns", () => {
    const text = logged({ pretty: false }, (log) => log.info("task succeeded", { task: "t", id: "1", seconds: 0.5 }));
    expect(text.endsWith("\n")).toBe(true);
    expect(JSON.parse(text)).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      msg: "task succeeded",
      task: "t",
      id: "1",
      seconds: 0.5,
    });
  });

  it("leaves out what is below its level, which can be changed", () => {
    const text = logged({ pretty: false }, (log) => {
      log.debug("unheard");
      log.level = "debug";
      log.debug("heard");
    });
    expect(text).not.toContain("unheard");
    expect(text).toContain('"msg":"heard"');
  });

  it.each([{ pretty: true }, { pretty: false }])("has no secrets, however deep ($pretty)", ({ pretty }) => {
    const url = "redis://user:s3cret@host/0";
    const text = logged({ pretty }, (log) =>
      log.error("failed", { url, deep: { list: [{ error: new Error(`at ${url}`) }], n: 1n } }),
    );
    expect(text).toContain("redis://user:***@host/0");
    expect(text).not.toContain("s3cret");
  });

  it("is readable on a terminal", () => {
    const text = logged({ pretty: true }, (log) =>
      log.warn("task retried", { task: "t", id: "1", error: "E: x", inSeconds: 2 }),
    );
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: task retried t\[1\] error=E: x inSeconds=2\n$/);
  });
});

describe("a line for people", () => {
  it("has what takes several lines below", () => {
    expect(lineOf({ msg: "task failed", task: "t", id: "1", traceback: "Error: x\n    at y", seconds: 1 })).toBe(
      "task failed t[1] seconds=1\nError: x\n    at y",
    );
  });

  it("names a task without its id as a field, and leaves out what there is not", () => {
    expect(lineOf({ msg: "m", task: "t", queues: ["a"], nothing: null })).toBe('m task=t queues=["a"]');
  });
});

import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { LAST_WORDS, RunLedger } from "../../../src/testing/app/run-ledger.ts";
import { recordingLogger } from "../../support/recording-logger.ts";

const WORKER = new URL("../../../src/worker/", import.meta.url);

/** Built of a reason: see `RevocationReason`. */
const BUILT = ["task revoked", "task expired", "task terminated", "task discarded"];

describe("the ledger of runs", () => {
  it("knows only words that a worker says", async () => {
    const files = (await readdir(WORKER)).filter((file) => file.endsWith(".ts"));
    const sources = await Promise.all(files.map((file) => readFile(new URL(file, WORKER), "utf8")));
    const said = sources.join("\n");
    const unsaid = [...LAST_WORDS.keys()].filter((words) => !BUILT.includes(words) && !said.includes(`"${words}"`));
    expect(unsaid).toEqual([]);
  });

  it("counts one end of a delivery, the first that is told, and passes every line on", () => {
    const { log, lines } = recordingLogger();
    const ledger = new RunLedger(log);
    ledger.debug("task received", { id: "1", task: "work" });
    expect(ledger.running).toEqual(["work[1]"]);
    ledger.error("task failed", { id: "1", error: "RangeError: no", traceback: "at work" });
    ledger.error("task dead-lettered", { id: "1", detail: "failed" });
    expect(ledger.running).toEqual([]);
    expect(ledger.runs).toEqual([
      { id: "1", task: "work", state: "FAILURE", detail: "RangeError: no", traceback: "at work" },
    ]);
    expect(lines).toHaveLength(3);
  });

  it("tells of a message that could not be read", () => {
    const ledger = new RunLedger(recordingLogger().log);
    ledger.error("message dead-lettered", { id: "1", error: "no task in it" });
    expect(ledger.runs).toMatchObject([{ task: "(unreadable)", state: "DEAD-LETTERED", detail: "no task in it" }]);
  });
});

import { describe, expect, it } from "vitest";
import { ConfigError, type CeleriacConfig } from "celeriac";
import { checkHazards, hazardsOf } from "../../../src/app/hazards.ts";
import { resolveConfig } from "../../../src/app/resolve-config.ts";
import type { TaskOptions } from "../../../src/app/task-options.ts";

function idsOf(config: CeleriacConfig, ...tasks: readonly TaskOptions[]): readonly string[] {
  return hazardsOf(resolveConfig({ code: config }).config, tasks.map(definitionOf)).map(({ id }) => id);
}

function definitionOf(options: TaskOptions): {
  readonly name: string;
  readonly options: TaskOptions;
  readonly body: undefined;
} {
  return { name: "work", options, body: undefined };
}

describe("hazards", () => {
  it("are none where nothing is said", () => {
    expect(idsOf({}, {})).toEqual([]);
  });

  it("are a hard limit beyond the visibility timeout, the app's or a task's (S4-16)", () => {
    const brokerTransportOptions = { visibilityTimeout: 3600 };
    expect(idsOf({ brokerTransportOptions, taskTimeLimit: 3900 })).toEqual(["limit-over-visibility"]);
    expect(idsOf({ brokerTransportOptions }, { timeLimitMs: 3_900_000 })).toEqual(["limit-over-visibility"]);
    expect(idsOf({ brokerTransportOptions, taskTimeLimit: 3600 }, { timeLimitMs: 1000 })).toEqual([]);
    expect(idsOf({ taskTimeLimit: 3900 })).toEqual([]);
  });

  it("are tasks in other processes while the broker is in this one's memory", () => {
    expect(idsOf({ broker: "memory:", workerPool: "processes" })).toEqual(["memory-apart"]);
    expect(idsOf({ broker: "memory:", workerPool: "threads" })).toEqual(["memory-apart"]);
    expect(idsOf({ broker: "memory:" })).toEqual([]);
    expect(idsOf({ workerPool: "threads" })).toEqual([]);
  });

  it("are failures that are to be kept after an early acknowledgement", () => {
    expect(idsOf({ taskAcksOnFailureOrTimeout: false }, { acksLate: false })).toEqual(["early-ack-keeps-failures"]);
    expect(idsOf({ taskAcksOnFailureOrTimeout: false, taskAcksLate: false })).toEqual([
      "early-ack-keeps-failures",
      "early-ack",
    ]);
    expect(idsOf({ taskAcksOnFailureOrTimeout: false }, { acksLate: false, acksOnFailureOrTimeout: true })).toEqual([]);
  });

  it("are deliveries and retries without end", () => {
    expect(idsOf({ workerMaxDeliveries: null })).toEqual(["endless-redelivery"]);
    expect(idsOf({}, { maxRetries: null, retryDelayMs: 0 })).toEqual(["retry-storm"]);
    expect(idsOf({}, { maxRetries: null, retryDelayMs: 1 })).toEqual([]);
  });

  it("are retries that come after the result has expired", () => {
    expect(idsOf({ resultExpires: 60 }, { retryDelayMs: 61_000 })).toEqual(["results-before-retries"]);
    expect(idsOf({ resultExpires: 60 }, { retryDelayMs: 61_000, maxRetries: 0 })).toEqual([]);
  });
});

describe("a check of hazards", () => {
  const check = (config: CeleriacConfig) => checkHazards(resolveConfig({ code: config }).config, []);
  const refused = { brokerTransportOptions: { visibilityTimeout: 3600 }, taskTimeLimit: 3900 };

  it("refuses with the id, both values and what to do", () => {
    expect(() => check(refused)).toThrow(ConfigError);
    expect(() => check(refused)).toThrow(/taskTimeLimit allows 3900 s.*3600 s.*Lower.*\[limit-over-visibility\]/s);
  });

  it("gives what is only to be warned of", () => {
    expect(check({ workerMaxDeliveries: null }).map(({ id, severity }) => [id, severity])).toEqual([
      ["endless-redelivery", "warn"],
    ]);
  });

  it("lets pass what is accepted, which stays listed", () => {
    const config = {
      ...refused,
      workerMaxDeliveries: null,
      acceptHazards: ["limit-over-visibility", "endless-redelivery"],
    };
    expect(check(config)).toEqual([]);
    const listed = hazardsOf(resolveConfig({ code: config }).config, []);
    expect(listed.map(({ id, isAccepted }) => [id, isAccepted])).toEqual([
      ["limit-over-visibility", true],
      ["endless-redelivery", true],
    ]);
  });

  it("refuses the acceptance of what does not exist", () => {
    expect(() => check({ acceptHazards: ["endless-redelivry"] })).toThrow(/did you mean "endless-redelivery"/);
  });
});

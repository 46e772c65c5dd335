import { writeSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { JobsBegunInFile, JobsBegunInMemory } from "../../../src/pool/isolated/jobs-begun.ts";

describe("the count of the jobs that a child has begun", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("is known of a process until it is gone, and after", () => {
    const begun = new JobsBegunInFile();
    expect(begun.count()).toBe(0);
    writeSync(begun.stdio as number, Uint32Array.of(3), 0, 4, 0);
    expect(begun.count()).toBe(3);
    begun.close();
    begun.close();
    expect(begun.count()).toBe(3);
  });

  it("is beyond all jobs where there is no room for its file, so that no death is excused", () => {
    vi.stubEnv("TMPDIR", "/no/such/directory");
    const begun = new JobsBegunInFile();
    expect(begun.stdio).toBe("ignore");
    expect(begun.count()).toBe(Infinity);
    begun.close();
  });

  it("is shared with a thread", () => {
    const begun = new JobsBegunInMemory();
    new JobsBegunInMemory(begun.shared).note();
    expect(begun.count()).toBe(1);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CelerySuite, HAS_CELERY_SUITE, type SuiteOutcome } from "../../support/celery-suite.ts";

/**
 * What of Celery's integration tests is run here, as pytest's arguments: the quick ones, canvas first, without some that Celery marks as flaky, since
 * what one leaves behind is heard by the next. All of them are run by `npm run celery-suite`.
 */
const PARTS: readonly (readonly string[])[] = [
  ["test_canvas.py::test_chain", "test_group_chains.py", "-k", "not eta and not large"],
  [
    "test_canvas.py::test_chord",
    "-k",
    "not generator and not large and not flag and not errback and not link_error and not body_types",
  ],
  [
    ...["test_group", "test_stamping_mechanism", "test_signature_serialization", "test_xmap_xstarmap"].map(
      (name) => `test_canvas.py::${name}`,
    ),
    ...["-k", "not ready_with_exception and not fail_multiple and not linking_stamped and not remain_on_task_retry"],
  ],
  ["test_tasks.py", "-k", "not timeout and not expired and not eta and not test_retry and not complex"],
  ["test_inspect.py"],
];

/** Pytest gives a test 60 s; one that took them all is run once more. */
const LIMIT_MS = 180_000;

describe.skipIf(!HAS_CELERY_SUITE)("Celery's own tests", async () => {
  const parts = HAS_CELERY_SUITE ? await Promise.all(PARTS.map(withTests)) : [];
  // They wait most of the time: all parts together take no longer than the longest.
  const suites = new Map<readonly string[], CelerySuite>();
  beforeAll(async () => {
    for (const { args } of parts) suites.set(args, await CelerySuite.start(args));
  });
  afterAll(async () => {
    for (const suite of suites.values()) await suite[Symbol.asyncDispose]();
  });

  for (const { args, tests } of parts)
    for (const test of tests) {
      it(test, { timeout: LIMIT_MS }, async ({ skip }) => {
        const { outcome, detail } = await outcomeOf(suites.get(args) as CelerySuite, test);
        if (outcome === "skipped") skip(detail);
        expect(outcome, detail).toBe("passed");
      });
    }
});

/** Celery marks nearly all of these tests as flaky, and its own CI runs such a test up to six times; here one that fails is run once more, alone. */
async function outcomeOf(suite: CelerySuite, test: string): Promise<SuiteOutcome> {
  const first = await suite.outcome(test);
  if (first.outcome !== "failed") return first;
  await using again = await CelerySuite.start([test]);
  return await again.outcome(test);
}

interface Part {
  readonly args: readonly string[];
  readonly tests: readonly string[];
}

async function withTests(args: readonly string[]): Promise<Part> {
  return { args, tests: await CelerySuite.tests(args) };
}

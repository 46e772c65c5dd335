/** One test of a suite: its name is a sentence about behaviour. */
export interface Case<Stage> {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}

/** How a test runner takes a test: vitest's `it` and `node:test`'s `test` both fit. */
export interface TestFunction {
  (name: string, run: () => Promise<void>): unknown;
  skip(name: string, run: () => Promise<void>): unknown;
}

/** A test that an adapter cannot pass, and why. */
export interface Skip {
  readonly test: string;
  readonly reason: string;
}

export interface Registration<Stage> {
  /** What is tested, in front of every name. */
  readonly subject: string;
  readonly cases: readonly Case<Stage>[];
  readonly test: TestFunction;
  readonly skip?: readonly Skip[] | undefined;
  /** A stage of its own for each case. */
  readonly open: () => Promise<Stage & AsyncDisposable>;
}

/** Hands every case to the test runner. A skip that names no case is refused, so that skips do not outlive their reason. */
export function register<Stage>({ subject, cases, test, skip = [], open }: Registration<Stage>): void {
  const reasons = new Map(skip.map((entry) => [entry.test, entry.reason]));
  for (const { name, run } of cases) {
    const body = async (): Promise<void> => {
      await using stage = await open();
      await run(stage);
    };
    const reason = reasons.get(name);
    reasons.delete(name);
    if (reason === undefined) test(`${subject}: ${name}`, body);
    else test.skip(`${subject}: ${name} (${reason})`, body);
  }
  for (const unknown of reasons.keys()) throw new Error(`There is no test "${unknown}" to skip.`);
}

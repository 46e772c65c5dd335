import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface PythonProcessOptions {
  /** The interpreter. */
  readonly python: string;
  /** The program and its arguments. */
  readonly args: readonly string[];
  /** Besides the tests' own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What Python raised in place of an answer. */
class PythonError extends Error {
  /** Its class: `ValueError`. */
  readonly type: string;
  /** Module of that class: `builtins`. */
  readonly module: string;
  readonly args: readonly unknown[];

  constructor({ type, module, args }: { readonly type: string; readonly module: string; readonly args: unknown[] }) {
    super(`Python raised ${module}.${type}(${args.map((arg) => JSON.stringify(arg)).join(", ")})`);
    this.type = type;
    this.module = module;
    this.args = args;
  }
}

/**
 * A Python program that answers each line of JSON on its standard input with one on its standard output: `{"answer": …}`, or
 * `{"raised": {"type", "module", "args"}}`. It is asked one thing after the other, and ended by the end of its input.
 */
export class PythonProcess implements AsyncDisposable {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor({ python, args, env }: PythonProcessOptions) {
    this.#process = spawn(python, [...args], { env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...env } });
    this.#process.stderr.pipe(process.stderr);
    this.#answers = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  /** Rejects with PythonError. */
  async ask(question: unknown): Promise<unknown> {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    const { done, value } = (await this.#answers.next()) as IteratorResult<string, undefined>;
    if (done === true) throw new Error("Python has ended.");
    const { answer, raised } = JSON.parse(value) as {
      readonly answer?: unknown;
      readonly raised?: ConstructorParameters<typeof PythonError>[0];
    };
    if (raised !== undefined) throw new PythonError(raised);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#process, "close");
    this.#process.stdin.end();
    await exit;
  }
}

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A TypeScript program in a process of its own, which is killed when disposed. It tells what happens by `process.send`. */
export class Child<News> implements AsyncDisposable {
  readonly news: News[] = [];
  readonly exited: Promise<unknown>;
  readonly #process: ChildProcess;

  constructor(
    program: URL,
    args: readonly string[],
    options: { readonly execPath?: string; readonly uid?: number } = {},
  ) {
    this.#process = fork(fileURLToPath(program), [...args], {
      ...options,
      execArgv: ["--import", "tsx", "--conditions=@celeriac/source", "--no-warnings"],
    });
    this.#process.on("message", (news) => this.news.push(news as News));
    this.exited = once(this.#process, "exit");
  }

  send(message: string): void {
    this.#process.send(message);
  }

  /** As a crash of the machine's power, but for what the kernel has already taken: nothing is said, nothing is closed. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
  }
}

import type { Answer } from "./batch.ts";
import type { Connection } from "./connection.ts";
import { explained, judge, UnusableError, type Unavailable } from "./failure.ts";
import {
  RedisReplyError,
  type Argument,
  type Command,
  type LinkOptions,
  type RedisLink,
  type Reply,
  type Script,
  type ScriptCall,
  type Step,
} from "./redis-link.ts";

export interface SupervisedLinkOptions {
  /** Rejects with UnusableError. */
  readonly connect: () => Promise<Connection>;
  readonly unavailable: Unavailable;
}

const MULTI: Command = ["MULTI"];
const EXEC: Command = ["EXEC"];

/** A role: one connection at a time, opened at first use, and anew by the first use after it was lost. */
export class SupervisedLink implements RedisLink {
  readonly #options: SupervisedLinkOptions;
  #connecting: Promise<Connection> | undefined;
  #connection: Connection | undefined;
  #isClosed = false;

  constructor(options: SupervisedLinkOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    await this.#use(async () => []);
  }

  async command(command: Command, options?: LinkOptions): Promise<Reply> {
    const [reply = null] = await this.pipeline([command], options);
    return reply;
  }

  async pipeline(steps: readonly Step[], { blockMs }: LinkOptions = {}): Promise<readonly Reply[]> {
    if (steps.length === 0) return [];
    return this.#use(async (connection) => {
      const loading = loadsFor(steps, connection);
      const answers = await connection.send([...loading, ...steps.map(toCommand)], blockMs);
      return loading.length === 0 ? answers : answers.slice(loading.length);
    });
  }

  async transaction(steps: readonly Step[], { blockMs }: LinkOptions = {}): Promise<readonly Reply[]> {
    if (steps.length === 0) return [];
    return this.#use(async (connection) => {
      const loading = loadsFor(steps, connection);
      const answers = await connection.send([...loading, MULTI, ...steps.map(toCommand), EXEC], blockMs);
      const done = answers.at(-1);
      // What was refused before EXEC tells more than EXEC does of it.
      return Array.isArray(done) ? (done as readonly Reply[]) : answers;
    });
  }

  async script(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    options?: LinkOptions,
  ): Promise<Reply> {
    const call = [{ script, keys, args }];
    try {
      const [reply = null] = await this.pipeline(call, options);
      return reply;
    } catch (error) {
      if (!(error instanceof RedisReplyError && error.code === "NOSCRIPT")) throw error;
      // Somebody flushed the scripts: nothing was done.
      this.#connection?.loaded.delete(script.sha);
      const [reply = null] = await this.pipeline(call, options);
      return reply;
    }
  }

  reset(): void {
    this.#connection?.lose(new UnusableError("the connection was dropped by this process."));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const connecting = this.#connecting;
    this.#connection?.lose(new UnusableError("it was closed in this process."));
    // It could not be opened: there is nothing to close.
    await connecting?.then(
      (connection) => connection.lose(new UnusableError("it was closed in this process.")),
      () => undefined,
    );
  }

  async #use(work: (connection: Connection) => Promise<readonly Answer[]>): Promise<readonly Reply[]> {
    try {
      const answers = await work(this.#connection ?? (await this.#connect()));
      const error = answers.find((answer) => answer instanceof RedisReplyError);
      if (error !== undefined) throw error;
      return answers as readonly Reply[];
    } catch (error) {
      this.#loseIfJudged(error);
      throw explained(error, this.#options.unavailable);
    }
  }

  #connect(): Promise<Connection> {
    if (this.#isClosed) throw new UnusableError("it was closed in this process.");
    return (this.#connecting ??= this.#options.connect().then(
      (connection) => {
        connection.onLost(() => this.#forget());
        if (connection.loss === undefined) this.#connection = connection;
        else this.#forget();
        return connection;
      },
      (error: unknown) => {
        this.#forget();
        throw error;
      },
    ));
  }

  #forget(): void {
    this.#connection = undefined;
    this.#connecting = undefined;
  }

  /** Another connection may lead to a server that can be used. */
  #loseIfJudged(error: unknown): void {
    const judged = error instanceof RedisReplyError ? judge(error.message) : undefined;
    if (judged?.isLost === true) this.#connection?.lose(new UnusableError(judged.detail, { cause: error }));
  }
}

function isCall(step: Step): step is ScriptCall {
  return "script" in step;
}

function toCommand(step: Step): Command {
  return isCall(step) ? ["EVALSHA", step.script.sha, step.keys.length, ...step.keys, ...step.args] : step;
}

/** SCRIPT LOAD for those scripts that this connection has not loaded. */
function loadsFor(steps: readonly Step[], { loaded }: Connection): readonly Command[] {
  const missing: Command[] = [];
  for (const step of steps) {
    if (!isCall(step) || loaded.has(step.script.sha)) continue;
    loaded.add(step.script.sha);
    missing.push(["SCRIPT", "LOAD", step.script.lua]);
  }
  return missing;
}

import type { Answer } from "./batch.ts";
import type { Connection } from "./connection.ts";
import { explained, judge, UnusableError, type Unavailable } from "./failure.ts";
import { RedisReplyError, type Argument, type Command, type RedisLink, type Reply, type Script } from "./redis-link.ts";

export interface SupervisedLinkOptions {
  /** Rejects with UnusableError. */
  readonly connect: () => Promise<Connection>;
  readonly unavailable: Unavailable;
}

function* inTransaction(commands: Iterable<Command>): Iterable<Command> {
  yield ["MULTI"];
  yield* commands;
  yield ["EXEC"];
}

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

  async command(command: Command): Promise<Reply> {
    const [reply = null] = await this.pipeline([command]);
    return reply;
  }

  async pipeline(commands: readonly Command[]): Promise<readonly Reply[]> {
    if (commands.length === 0) return [];
    return this.#use((connection) => connection.send(commands));
  }

  async transaction(commands: Iterable<Command>): Promise<readonly Reply[]> {
    return this.#use(async (connection) => {
      const answers = await connection.send(inTransaction(commands));
      const done = answers.at(-1);
      // What was refused before EXEC tells more than EXEC does of it.
      return Array.isArray(done) ? (done as readonly Reply[]) : answers;
    });
  }

  async script(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    try {
      return await this.#evaluate(script, keys, args);
    } catch (error) {
      if (!(error instanceof RedisReplyError && error.code === "NOSCRIPT")) throw error;
      // Somebody flushed the scripts: nothing was done.
      this.#connection?.loaded.delete(script.sha);
      return this.#evaluate(script, keys, args);
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

  /** Loads the script first where this connection has not loaded it. */
  async #evaluate({ lua, sha }: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const call: Command = ["EVALSHA", sha, keys.length, ...keys, ...args];
    const replies = await this.#use((connection) => {
      const isLoaded = connection.loaded.has(sha);
      connection.loaded.add(sha);
      return connection.send(isLoaded ? [call] : [["SCRIPT", "LOAD", lua], call]);
    });
    return replies.at(-1) ?? null;
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

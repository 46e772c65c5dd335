import type { ResolvedConfig } from "../app/config.ts";
import type { TaskRegistry } from "../app/registry.ts";
import type { Broker, DeadLetter, Delivery } from "../broker/broker.ts";
import { decodeTask } from "../message/decode-task.ts";
import type { Clock } from "../util/clock.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";

/** Of the dead letters that wait for a worker that has their task. */
const UNKNOWN_TASK = "unknown-task";
/** How often it is looked for parked messages that this worker could run, in milliseconds. */
const LOOK_MS = 10_000;
/** Dead letters read at once. */
const PAGE = 500;

export interface ParkedTasksOptions {
  readonly broker: Pick<Broker, "deadLetters" | "replay">;
  /** What this worker consumes. */
  readonly queues: Iterable<string>;
  readonly tasks: TaskRegistry;
  readonly config: Pick<ResolvedConfig, "acceptContent">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Messages whose task a worker does not know, as happens in the middle of a deploy: they are parked among the dead letters, where they cost
 * nothing, and every worker takes out those that it can run.
 */
export class ParkedTasks implements Disposable {
  readonly #options: ParkedTasksOptions;
  readonly #disposed = new AbortController();
  readonly #alarmed = new Set<string>();
  /** Id of the last letter looked at, by queue. */
  readonly #seen = new Map<string, string>();

  constructor(options: ParkedTasksOptions) {
    this.#options = options;
  }

  /** Raises the alarm once for each task. */
  async park(delivery: Delivery, task: string, id: string): Promise<void> {
    const { log } = this.#options;
    const detail = `This worker has no task "${task}". It runs as soon as a worker of this queue has it.`;
    await delivery.deadLetter({ code: UNKNOWN_TASK, detail });
    const fields = { task, id, queue: delivery.queue };
    if (this.#alarmed.has(task)) log.debug("message of an unknown task parked", fields);
    else log.error("unknown task, its messages are parked until a worker has it", fields);
    this.#alarmed.add(task);
  }

  /** Takes out now and every 10 s what has become known. Resolves once disposed; never rejects. */
  async watch(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#disposed;
    while (!signal.aborted) {
      try {
        await this.#replayKnown();
      } catch (error) {
        log.debug("parked messages not looked at", { error: toError(error).message });
      }
      await clock.sleep(LOOK_MS, { signal, ref: false }).catch(() => undefined);
    }
  }

  [Symbol.dispose](): void {
    this.#disposed.abort();
  }

  async #replayKnown(): Promise<void> {
    for (const queue of this.#options.queues) await this.#replayKnownOf(queue);
  }

  /** Looks at each letter once: what a worker can run does not change while it runs. */
  async #replayKnownOf(queue: string): Promise<void> {
    const { broker, log } = this.#options;
    for (let page: readonly DeadLetter[]; ;) {
      const after = this.#seen.get(queue);
      page = await broker.deadLetters({ queue, code: UNKNOWN_TASK, limit: PAGE, after, mayBeOld: true });
      const known = page.filter((letter) => this.#canRun(letter));
      if (known.length > 0) {
        const replayed = await broker.replay({ ids: known.map(({ id }) => id) });
        log.info("parked messages taken out", { messages: replayed });
      }
      const last = page.at(-1);
      if (last !== undefined) this.#seen.set(queue, last.id);
      if (page.length < PAGE || this.#disposed.signal.aborted) return;
    }
  }

  #canRun({ message }: DeadLetter): boolean {
    const { tasks, config } = this.#options;
    try {
      const { task } = decodeTask(message, { accept: config.acceptContent });
      return tasks.get(task)?.body !== undefined;
    } catch {
      return false; // parked by a worker that reads more content types
    }
  }
}

import { Worker } from "node:worker_threads";
import type { Broadcaster, BroadcasterSource } from "../broker/broadcaster.ts";
import { systemClock, type Clock } from "../util/clock.ts";
import { toError } from "../util/errors.ts";
import type { Logger } from "../util/logger.ts";
import { siblingModule } from "../util/sibling-module.ts";
import { threadEnd } from "../util/thread-end.ts";
import { threadOptions } from "../util/thread-options.ts";
import { DirectSender, type DirectSenderOptions } from "./direct-sender.ts";
import { TASK_EVENTS_KEY } from "./event-message.ts";
import { countOf, type EventSender, type WrittenEvents } from "./event-sender.ts";
import { SENDER_END_MS, type FromSenderThread, type SenderSetup, type ToSenderThread } from "./sender-messages.ts";

const PROGRAM = siblingModule("./sender-program", import.meta.url);

/** In MiB: its outbox takes most of it. */
const LIMITS = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 8, stackSizeMb: 1 };

/** Events that the thread has been given and has not looked at; of more than these, the newest are dropped. */
const MAX_WAITING = 50_000;

export interface ThreadSenderOptions {
  /** Node name of the sender. */
  readonly hostname: string;
  readonly source: BroadcasterSource;
  /** Sends what it is given as long as there are no task events, and when there is no thread to be had. Disposed of with this one. */
  readonly direct: EventSender;
  readonly clock: Clock;
  readonly log: Logger;
}

/** By a thread, where the broker can be reached from one. */
export function eventSender(options: DirectSenderOptions & { readonly broadcaster: Broadcaster }): EventSender {
  const direct = new DirectSender(options);
  const { hostname, broadcaster, clock, log } = options;
  const { source } = broadcaster;
  if (source === undefined || clock !== systemClock) return direct;
  return new ThreadSender({ hostname, source, direct, clock, log });
}

/**
 * Leaves events to a thread, which sends them over a connection of its own: a worker of many short tasks would spend a tenth of its time on that. They are written
 * before, as texts are handed to a thread faster than objects. The thread is started for the first event of a task.
 */
export class ThreadSender implements EventSender {
  readonly #options: ThreadSenderOptions;
  #worker: Worker | undefined;
  #hasFailed = false;
  #isAway = false;
  #isDisposed = false;
  #waiting = 0;
  #dropped = 0;

  constructor(options: ThreadSenderOptions) {
    this.#options = options;
  }

  get isAway(): boolean {
    return this.#worker === undefined ? this.#options.direct.isAway : this.#isAway;
  }

  put(written: readonly WrittenEvents[]): void {
    if (this.#isDisposed) return;
    if (!this.#hasFailed && written.some(isOfTasks)) this.#worker ??= this.#open();
    if (this.#worker === undefined) this.#options.direct.put(written);
    else this.#leave(this.#withRoom(written), this.#worker);
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker !== undefined) await this.#end(worker);
    await this.#options.direct[Symbol.asyncDispose]();
  }

  /** Those of tasks alone are so many that there may be no room for them. */
  #withRoom(written: readonly WrittenEvents[]): readonly WrittenEvents[] {
    if (this.#waiting + countOf(written) <= MAX_WAITING) return written;
    this.#drop(countOf(written.filter(isOfTasks)));
    return written.filter((each) => !isOfTasks(each));
  }

  #leave(written: readonly WrittenEvents[], worker: Worker): void {
    if (written.length === 0) return;
    worker.postMessage({ kind: "put", written } satisfies ToSenderThread);
    this.#waiting += countOf(written);
  }

  /** Undefined where no thread can be had, such as for want of a permission, or of memory. */
  #open(): Worker | undefined {
    const { hostname, source } = this.#options;
    const setup: SenderSetup = { hostname, source };
    try {
      const worker = new Worker(PROGRAM, { ...threadOptions(PROGRAM, "events", LIMITS), workerData: setup });
      worker.unref();
      let failure = "it ended by itself";
      worker.on("message", (news: FromSenderThread) => this.#hear(news));
      worker.on("error", (error) => (failure = toError(error).message));
      worker.on("exit", () => {
        if (this.#worker === worker) this.#doWithout(failure);
      });
      return worker;
    } catch (error) {
      this.#doWithout(toError(error).message);
      return undefined;
    }
  }

  #hear(news: FromSenderThread): void {
    if (news.kind === "log") this.#options.log[news.level](news.message, news.fields);
    else if (news.kind === "state") this.#isAway = news.isAway;
    else this.#noteTaken(news.events);
  }

  #noteTaken(events: number): void {
    this.#waiting -= events;
    if (this.#waiting === 0) this.#tellDropped();
  }

  #tellDropped(): void {
    if (this.#dropped > 0) this.#options.log.warn("events were dropped", { events: this.#dropped });
    this.#dropped = 0;
  }

  #drop(events: number): void {
    if (events === 0) return;
    if (this.#dropped === 0) this.#options.log.warn("events are dropped", { reason: "too many wait" });
    this.#dropped += events;
  }

  #doWithout(failure: string): void {
    this.#worker = undefined;
    this.#hasFailed = true;
    this.#options.log.warn("the thread that sends events has ended, they are sent without it", {
      lostAtLeast: this.#waiting,
      error: failure,
    });
    this.#tellDropped();
  }

  async #end(worker: Worker): Promise<void> {
    worker.postMessage({ kind: "end" } satisfies ToSenderThread);
    await threadEnd(worker, SENDER_END_MS, this.#options.clock);
    this.#dropped += this.#waiting;
    this.#waiting = 0;
    this.#tellDropped();
  }
}

function isOfTasks({ routingKey }: WrittenEvents): boolean {
  return routingKey === TASK_EVENTS_KEY;
}

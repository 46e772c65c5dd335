import type { StoredCanvases } from "../../backend/canvases.ts";
import type { ChordCounters } from "../../backend/chords.ts";
import { UnreadableResultError } from "../../backend/errors.ts";
import type { GroupRecords } from "../../backend/groups.ts";
import type { ResultBackend, ResultWatch } from "../../backend/result-backend.ts";
import { decodeMeta, encodeMeta, type TaskMeta } from "../../backend/task-meta.ts";
import type { Abortable } from "../../util/abortable.ts";
import { atMost } from "../../util/at-most.ts";
import type { Clock } from "../../util/clock.ts";
import type { Logger } from "../../util/logger.ts";
import type { Outgoing } from "./amqp-message.ts";
import { AmqpPublisher } from "./amqp-publisher.ts";
import type { AmqpLink } from "./connections/amqp-link.ts";
import { ReplyQueue } from "./reply-queue.ts";
import { rpcRefusals } from "./rpc-refusals.ts";
import { RpcResults } from "./rpc-results.ts";

/** How long disposing waits for the server, in milliseconds. */
const DISPOSE_MS = 4_000;

export interface RpcBackendOptions {
  /** Disposed of with the backend. */
  readonly link: AmqpLink;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the queue where results for this process come. */
  readonly oid: string;
  /** How long a result is kept here for who asks, and in the queue while nobody listens, in milliseconds; 0 for as long as there is room. */
  readonly resultExpiresMs: number;
  /** Whether results that are on their way survive a restart of the server. @default false */
  readonly isPersistent?: boolean | undefined;
}

/**
 * Results that are sent to the process that asked, and kept in its memory alone: Celery's `rpc://`, shared with Python. Nobody else learns of them, and there are no
 * chords and no saved groups. Fences are not looked at: what an earlier run tells late is sent like anything else. Celery: `celery/backends/rpc.py:RPCBackend`.
 */
export class RpcBackend implements ResultBackend {
  readonly groups: GroupRecords;
  readonly chords: ChordCounters;
  readonly canvases: StoredCanvases;
  readonly #link: AmqpLink;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #deliveryMode: 1 | 2;
  readonly #publisher: AmqpPublisher;
  readonly #queue: ReplyQueue;
  readonly #results: RpcResults;
  readonly #watches = new Set<RpcWatch>();

  constructor({ link, clock, log, oid, resultExpiresMs, isPersistent = false }: RpcBackendOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#log = log;
    this.#deliveryMode = isPersistent ? 2 : 1;
    this.#results = new RpcResults(clock, resultExpiresMs);
    const publisher = new AmqpPublisher(link, clock);
    this.#publisher = publisher;
    const onReply = (body: Uint8Array): void => this.#receive(body);
    this.#queue = new ReplyQueue({ link, publisher, clock, log, name: oid, expiresMs: resultExpiresMs, onReply });
    const { groups, chords, canvases } = rpcRefusals(link.url);
    this.groups = groups;
    this.chords = chords;
    this.canvases = canvases;
  }

  async open({ signal }: Abortable = {}): Promise<void> {
    await this.#link.connect(signal === undefined ? {} : { signal });
  }

  listen(): Promise<void> {
    return this.#queue.listen();
  }

  /** Sends each to whom it is for; what is for nobody is dropped, and what is not known to be for anybody is kept here. Resolves once the server has them. */
  async store(metas: readonly TaskMeta[]): Promise<readonly string[]> {
    const texts = metas.map(encodeMeta);
    const outgoing = metas.flatMap((meta, index) => this.#reply(meta, texts[index] ?? "") ?? []);
    if (outgoing.length > 0) await this.#publisher.publish(outgoing);
    else await this.open();
    metas.forEach(({ replyTo }, index) => {
      if (replyTo === undefined) this.#keep(decodeMeta(texts[index] ?? ""));
    });
    return [];
  }

  /** What has come for this process so far. */
  async fetch(taskIds: readonly string[]): Promise<ReadonlyMap<string, TaskMeta>> {
    await this.open();
    if (taskIds.length > 0) await this.#queue.caughtUp();
    return new Map(
      taskIds.flatMap((taskId) => {
        const meta = this.#results.get(taskId);
        return meta === undefined ? [] : [[taskId, meta] as const];
      }),
    );
  }

  watch(listener: (meta: TaskMeta) => void): ResultWatch {
    const watch = new RpcWatch({
      listener,
      listen: () => this.listen(),
      find: (taskId) => this.#results.get(taskId),
      onStopped: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    return watch;
  }

  async forget(taskIds: readonly string[]): Promise<void> {
    await this.open();
    for (const taskId of taskIds) this.#results.delete(taskId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#watches) await watch[Symbol.asyncDispose]();
    await atMost(DISPOSE_MS, this.#finish(), this.#clock);
    await this.#link[Symbol.asyncDispose]();
  }

  async #finish(): Promise<void> {
    await this.#publisher.idle();
    await this.#queue[Symbol.asyncDispose]();
  }

  /** As Celery's own: `celery/backends/rpc.py:RPCBackend.store_result`. Nobody may be there any more to read it. */
  #reply({ taskId, replyTo }: TaskMeta, text: string): Outgoing | undefined {
    if (replyTo === undefined || replyTo === null || replyTo === "") return undefined;
    return {
      exchange: "",
      routingKey: replyTo,
      content: Buffer.from(text),
      properties: {
        contentType: "application/json",
        contentEncoding: "utf-8",
        headers: {},
        correlationId: taskId,
        deliveryMode: this.#deliveryMode,
      },
    };
  }

  #receive(body: Uint8Array): void {
    try {
      this.#keep(decodeMeta(Buffer.from(body).toString()));
    } catch (error) {
      if (!(error instanceof UnreadableResultError)) throw error;
      this.#log.warn("a result that came is not readable", { backend: this.#link.url, reason: error.reason });
    }
  }

  #keep(meta: TaskMeta): void {
    if (!this.#results.put(meta)) return;
    for (const watch of this.#watches) watch.hear(meta);
  }
}

interface WatchOptions {
  readonly listener: (meta: TaskMeta) => void;
  readonly listen: () => Promise<void>;
  readonly find: (taskId: string) => TaskMeta | undefined;
  readonly onStopped: () => void;
}

/** Tells of what comes after whoever brings it is done, never within a call. */
class RpcWatch implements ResultWatch {
  readonly #options: WatchOptions;
  readonly #taskIds = new Set<string>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async add(taskIds: readonly string[]): Promise<void> {
    await this.#options.listen();
    for (const taskId of taskIds) {
      this.#taskIds.add(taskId);
      const meta = this.#options.find(taskId);
      if (meta !== undefined) this.hear(meta);
    }
  }

  hear(meta: TaskMeta): void {
    if (!this.#taskIds.has(meta.taskId)) return;
    queueMicrotask(() => {
      if (this.#taskIds.has(meta.taskId)) this.#options.listener(meta);
    });
  }

  remove(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#taskIds.delete(taskId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#taskIds.clear();
    this.#options.onStopped();
  }
}

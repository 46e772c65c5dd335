import type { Broadcaster } from "../../broker/broadcaster.ts";
import { ControlNode } from "../../control/control-node.ts";
import { atMost } from "../../util/at-most.ts";
import { toError } from "../../util/errors.ts";
import type { Logger } from "../../util/logger.ts";
import type { OpenParts } from "../parts.ts";
import type { ControlledWorker } from "./controlled-worker.ts";
import { Elections } from "./elections.ts";
import { mingle } from "./mingle.ts";
import { controlPanel } from "./panel.ts";

/** How long a greeting waits until remote control is heard, in milliseconds. */
const HEAR_MS = 1_000;

export interface WorkerControlOptions {
  readonly worker: ControlledWorker;
  readonly broadcaster: Broadcaster;
  readonly parts: OpenParts;
  /** Whether it answers the elections of Python's workers. */
  readonly gossip: boolean;
  readonly log: Logger;
}

/** What a worker has to do with its neighbours and its operators: it hears remote control as soon as the broker lets it, and tasks run before that if need be. */
export class WorkerControl implements AsyncDisposable {
  readonly #options: WorkerControlOptions;
  readonly #node: ControlNode;
  readonly #elections: Elections | undefined;

  constructor(options: WorkerControlOptions) {
    const { worker, broadcaster, parts, gossip, log } = options;
    const { lamport, clock, events: dispatcher, config } = parts;
    const { node, liveness } = worker;
    const handlers = controlPanel(worker, parts);
    this.#options = options;
    this.#node = new ControlNode({ broadcaster, node, handlers, turns: liveness.turns, lamport, clock, log });
    // Only those whose heartbeats are heard are counted on.
    if (gossip && config.workerHeartbeatInterval !== null)
      this.#elections = new Elections({ broadcaster, dispatcher, clock, log });
  }

  /** Asks the neighbours what is revoked, before anything is taken: it must not run here. Resolves early when `signal` aborts; never rejects. */
  async greet(signal: AbortSignal): Promise<void> {
    const { worker, parts, log } = this.#options;
    const { app, node } = worker;
    await atMost(HEAR_MS, this.#node.hears, parts.clock); // what is told from then on, it hears itself
    await mingle({ control: app.control, node, revoked: parts.revokedIds, log, signal });
  }

  /** Lets a thread answer while the event loop cannot. After the greeting, in which those that hear it are counted. */
  standBy(): void {
    const { worker, broadcaster, parts } = this.#options;
    const { workerHeartbeatInterval: seconds } = parts.config;
    const heartbeatMs = seconds === null ? undefined : seconds * 1000;
    worker.liveness.standBy({ broadcaster, handlers: this.#node.handlers, heartbeatMs });
  }

  /** Whoever asks in the last moments is answered. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await Promise.all([this.#node[Symbol.asyncDispose](), this.#elections?.[Symbol.asyncDispose]()]);
    } catch (error) {
      this.#options.log.warn("remote control not closed", { error: toError(error).message });
    }
  }
}

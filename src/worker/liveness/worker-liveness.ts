import { ConfigError } from "../../app/config-error.ts";
import type { Broadcaster } from "../../broker/broadcaster.ts";
import type { Handler, Turns } from "../../control/control-node.ts";
import type { Dict } from "../../message/fields.ts";
import { systemClock, uptimeOf, type Clock } from "../../util/clock.ts";
import type { Logger } from "../../util/logger.ts";
import type { HealthOptions } from "../options.ts";
import { EvidenceMemory } from "./evidence-memory.ts";
import { livenessAnswer } from "./liveness-answer.ts";
import { Lookout } from "./lookout.ts";
import { Pulse, type WorkerFacts } from "./pulse.ts";
import { RunningTasks } from "./running-tasks.ts";
import { Snapshots } from "./snapshots.ts";
import type { HealthPlace } from "./stand-in-messages.ts";
import { StandInThread } from "./stand-in-thread.ts";
import { TicketClaims } from "./ticket-claims.ts";

const HEALTH = { host: "127.0.0.1", patienceMs: 300_000 } as const;

export interface WorkerLivenessOptions {
  readonly facts: () => WorkerFacts;
  /** The worker's node name. */
  readonly node: string;
  /** Whether tasks run in the event loop. */
  readonly isInline: boolean;
  /** Where its health is served. @default nowhere */
  readonly health?: HealthOptions | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface StandByOptions {
  readonly broadcaster: Broadcaster;
  /** By method, what answers in the event loop. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Between heartbeats, in milliseconds; undefined for none. */
  readonly heartbeatMs: number | undefined;
}

/** How a worker is, for those who ask: told by its event loop while that turns, and by a thread while it does not. */
export class WorkerLiveness implements AsyncDisposable {
  /** For the worker's executions to enter themselves. */
  readonly running: RunningTasks;
  /** Which commands are the event loop's to answer. */
  readonly turns: Turns = { mayDo: () => true, mayAnswer: (command) => this.#claims.claim(command) };
  readonly #options: WorkerLivenessOptions;
  readonly #memory = new EvidenceMemory();
  readonly #claims = new TicketClaims("loop");
  readonly #pulse: Pulse;
  readonly #lookout: Lookout;
  readonly #ended = new AbortController();
  #thread: StandInThread | undefined;
  #snapshots: Snapshots | undefined;
  #healthUrl: string | undefined;

  constructor(options: WorkerLivenessOptions) {
    const { facts, clock, isInline } = options;
    this.#options = options;
    this.running = new RunningTasks(this.#memory);
    this.#pulse = new Pulse({ facts, running: this.running, memory: this.#memory, clock });
    this.#lookout = new Lookout({ memory: this.#memory, clock, isInline });
  }

  /** Where the health endpoint is served; undefined where it is not. */
  get healthUrl(): string | undefined {
    return this.#healthUrl;
  }

  /** How many connections of this worker hear remote control. */
  get hearing(): number {
    return this.#thread?.hears === true ? 2 : 1;
  }

  /** Resolves once the health endpoint is served, where there is to be one. Rejects with ConfigError, and with HealthEndpointError. */
  async start(): Promise<void> {
    this.#pulse.beat();
    void this.#pulse.beatOn(this.#ended.signal, () => void this.#leaveSnapshot());
    const { health, clock, log, node } = this.#options;
    if (health === undefined) return;
    if (clock !== systemClock)
      throw new ConfigError("A worker's health is told in real time: its app may have no clock of its own.");
    this.#healthUrl = await this.#startThread({ ...HEALTH, ...health });
    if (this.#healthUrl !== undefined) log.info("health is served", { node, url: this.#healthUrl });
  }

  /** From now on remote control is answered by the thread too, where the broker can be reached from there. To be called once, before tasks run. */
  standBy({ broadcaster: { source }, handlers, heartbeatMs }: StandByOptions): void {
    if (source === undefined || this.#options.clock !== systemClock || this.#ended.signal.aborted) return;
    if (this.#thread === undefined) void this.#startThread(undefined);
    this.#thread?.standBy({ source, heartbeatMs });
    this.#snapshots = new Snapshots(handlers);
    this.beat();
    void this.#leaveSnapshot();
  }

  /** Shows how things are, out of turn. */
  beat(): void {
    this.#pulse.beat();
  }

  /** What the command `liveness` answers here. */
  answer(): Dict {
    this.beat();
    return livenessAnswer(this.#lookout.look().liveness, "event loop");
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#thread?.[Symbol.asyncDispose]();
  }

  /** Resolves once it is there, or known not to come for now. */
  #startThread(health: HealthPlace | undefined): Promise<string | undefined> {
    const { node, isInline, clock, log } = this.#options;
    const [memory, claims, startedAt] = [this.#memory.buffer, this.#claims.buffer, clock.now()];
    this.#thread = new StandInThread({ setup: { memory, claims, node, startedAt, isInline, health }, clock, log });
    return this.#thread.start();
  }

  async #leaveSnapshot(): Promise<void> {
    if (this.#snapshots === undefined) return;
    const { facts, clock } = this.#options;
    const { processed, capacity, queues } = facts();
    const signs = `${processed} ${this.running.size} ${capacity} ${queues}`;
    const answers = await this.#snapshots.take(uptimeOf(clock), signs);
    if (answers !== undefined) this.#thread?.leave(answers);
  }
}

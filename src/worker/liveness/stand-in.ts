import type { Broadcaster } from "../../broker/broadcaster.ts";
import { openBroadcasterFrom } from "../../broker/open-broadcaster-from.ts";
import { ControlNode } from "../../control/control-node.ts";
import { DirectSender } from "../../events/direct-sender.ts";
import { EventDispatcher } from "../../events/event-dispatcher.ts";
import { LamportClock } from "../../events/lamport-clock.ts";
import type { Clock } from "../../util/clock.ts";
import { silentLogger as log } from "../../util/logger.ts";
import { EvidenceMemory } from "./evidence-memory.ts";
import { Lookout, type Sight } from "./lookout.ts";
import { standInCommands } from "./stand-in-commands.ts";
import { StandInHeart } from "./stand-in-heart.ts";
import type { Snapshot, StandInSetup, ToStandIn } from "./stand-in-messages.ts";
import { StandInTurns } from "./stand-in-turns.ts";
import { TicketClaims } from "./ticket-claims.ts";

type StandByOrder = Extract<ToStandIn, { readonly kind: "stand-by" }>;

/**
 * Speaks for a worker from another thread while its event loop is blocked: answers remote control with what it can know, sends heartbeats, and serves the health
 * endpoint at all times. While the event loop turns it hears the same commands, and leaves them to it.
 */
export class StandIn implements AsyncDisposable {
  readonly #setup: StandInSetup;
  readonly #clock: Clock;
  readonly #onHears: () => void;
  readonly #memory: EvidenceMemory;
  readonly #lookout: Lookout;
  readonly #answers = new Map<string, Uint8Array>();
  readonly #lamport = new LamportClock();
  readonly #ended = new AbortController();
  readonly #opened: AsyncDisposable[] = [];
  #heart: StandInHeart | undefined;
  #standingBy: Promise<void> = Promise.resolve();

  /** `onHears` is called once it hears remote control. */
  constructor(setup: StandInSetup, clock: Clock, onHears: () => void) {
    this.#setup = setup;
    this.#clock = clock;
    this.#onHears = onHears;
    this.#memory = new EvidenceMemory(setup.memory);
    this.#lookout = new Lookout({ memory: this.#memory, clock, isInline: setup.isInline });
  }

  /** Resolves with the health endpoint's URL, where there is to be one, once that is served. Rejects where it cannot be. */
  async open(): Promise<string | undefined> {
    void this.#lookout.watch(this.#ended.signal, (sight) => this.#look(sight));
    const { health } = this.#setup;
    if (health === undefined) return undefined;
    // Node's HTTP takes memory that few workers need here.
    const { HealthServer } = await import("./health-server.ts");
    const server = await HealthServer.open(health, () => this.#lookout.look());
    this.#opened.push(server);
    return server.url;
  }

  take(answers: Snapshot): void {
    for (const [method, answer] of Object.entries(answers)) this.#answers.set(method, answer);
  }

  /** To be called once. */
  standBy(order: StandByOrder): void {
    // A broker that cannot be heard at all is told of by the event loop.
    this.#standingBy = this.#standByAt(order).catch(() => undefined);
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#standingBy;
    for (const part of this.#opened.splice(0).reverse()) await part[Symbol.asyncDispose]();
  }

  #look(sight: Sight): void {
    this.#lamport.catchUp(sight.evidence.report?.lamport ?? 0);
    this.#heart?.look(sight);
    this.#memory.standInClock = this.#lamport.value;
  }

  async #standByAt({ source, heartbeatMs }: StandByOrder): Promise<void> {
    const { node: hostname } = this.#setup;
    const broadcaster = await openBroadcasterFrom(source);
    this.#opened.push(broadcaster);
    const [clock, lamport] = [this.#clock, this.#lamport];
    const sender = new DirectSender({ hostname, broadcaster, clock, log });
    const events = new EventDispatcher({ hostname, sender, lamport, taskEvents: false, clock, log });
    this.#opened.push(events);
    if (heartbeatMs !== undefined) this.#heart = new StandInHeart(events, heartbeatMs);
    const control = this.#hear(broadcaster);
    this.#opened.push(control);
    void control.hears.then(this.#onHears);
  }

  #hear(broadcaster: Broadcaster): ControlNode {
    const { node, startedAt, claims } = this.#setup;
    const [lookout, answers, lamport, clock] = [this.#lookout, this.#answers, this.#lamport, this.#clock];
    const handlers = standInCommands({ node, startedAt, lookout, answers, lamport, clock });
    const turns = new StandInTurns({
      claims: new TicketClaims("thread", claims),
      memory: this.#memory,
      handlers,
      clock,
    });
    return new ControlNode({ broadcaster, node, handlers, turns, lamport, clock, log });
  }
}

import type { Leased, MessageStore, Settlement } from "../../broker/queued/message-store.ts";
import type { Clock } from "../../util/clock.ts";
import { intercepted } from "../intercepted.ts";
import type { Fault, Faults } from "./faults.ts";
import type { Outage } from "./outage.ts";

export interface FaultyStoreOptions {
  readonly struck: MessageStore;
  readonly faults: Faults;
  readonly outage: Outage;
  readonly clock: Clock;
}

/** Makes of a message store one that faults strike: what stands on it sees what it would see of a broken world. */
export class FaultyStore {
  /** To be put in place of the struck one. */
  readonly store: MessageStore;
  readonly #options: FaultyStoreOptions;
  /** What befalls the deliveries that somebody owes an answer, by their receipts. */
  readonly #held = new Map<string, Fault | undefined>();
  #handOuts = 0;

  constructor(options: FaultyStoreOptions) {
    this.#options = options;
    this.store = intercepted(
      options.struck,
      { take: (...args) => this.#take(...args), settle: (settlements) => this.#settle(settlements) },
      () => options.outage.gate(),
    );
  }

  /** Deliveries that somebody owes an answer. */
  get held(): number {
    return this.#held.size;
  }

  /** How often a message was handed out so far, those that a fault struck included. */
  get handOuts(): number {
    return this.#handOuts;
  }

  async #take(...args: Parameters<MessageStore["take"]>): ReturnType<MessageStore["take"]> {
    const { struck, outage } = this.#options;
    const leased = await struck.take(...args);
    await outage.gate(); // what was on its way when the broker went away does not arrive
    const arrived: Leased[] = [];
    for (const each of leased) {
      this.#handOuts += 1;
      if (await this.#arrives(each)) arrived.push(each);
    }
    return arrived;
  }

  /** Whether a message gets to the one who took it. */
  async #arrives({ receipt, message }: Leased): Promise<boolean> {
    const { struck, faults, clock } = this.#options;
    const fault = faults.strike(message);
    if (fault?.kind === "kill-after-pop") return false;
    if (fault?.kind === "delay") {
      await struck.settle([{ receipt, outcome: "defer", until: new Date(clock.now() + fault.ms) }]);
      return false;
    }
    this.#held.set(receipt, fault);
    return true;
  }

  /** An acknowledgement that does not arrive looks to its sender like a lease that ran out. */
  async #settle(settlements: readonly Settlement[]): Promise<readonly string[]> {
    const arriving: Settlement[] = [];
    const lost: string[] = [];
    for (const settlement of settlements) {
      const { receipt, outcome } = settlement;
      const fault = outcome === "ack" ? this.#held.get(receipt)?.kind : undefined;
      this.#held.delete(receipt);
      if (fault === "kill-before-ack") lost.push(receipt);
      else arriving.push(fault === "duplicate" ? { receipt, outcome: "requeue" } : settlement);
    }
    if (arriving.length > 0) lost.push(...(await this.#options.struck.settle(arriving)));
    return lost;
  }
}

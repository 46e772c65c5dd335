import { STOP_SIGNALS, StopOrders, takeOrdersFromSignals, type StopOrder } from "./stop-orders.ts";

/** What the parent says. */
export interface OrderMessage {
  readonly order: StopOrder;
  readonly signal: string;
}

/** What the child says, last of all. */
export const WORN_OUT = "worn-out";

/**
 * What a worker's process has of the one that starts it anew when it is worn out. Its parent alone tells it to stop: Ctrl-C reaches both,
 * and counts once. Without a parent, which something has killed, it stops by itself.
 */
export class ParentLink {
  readonly orders: StopOrders = new StopOrders();
  readonly #orphaned = (): void => {
    takeOrdersFromSignals(this.orders);
    this.orders.give("warm", "parent gone");
  };

  constructor() {
    for (const signal of STOP_SIGNALS) process.on(signal, leaveItToTheParent);
    process.on("message", (message) => {
      const { order, signal } = message as OrderMessage;
      this.orders.give(order, signal);
    });
    process.once("disconnect", this.#orphaned);
    if (!process.connected) this.#orphaned();
  }

  /** Asks to be started anew. Resolves once that is said. */
  async sayWornOut(): Promise<void> {
    await new Promise((resolve) => process.send?.(WORN_OUT, resolve));
  }

  /** The worker has ended. */
  close(): void {
    process.off("disconnect", this.#orphaned);
    if (process.connected) process.disconnect();
  }
}

function leaveItToTheParent(): void {}

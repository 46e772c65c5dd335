import { EXIT } from "../exit-codes.ts";

/** How a worker is to stop, in Celery's words. Warm: running tasks may finish within the grace; cold: all is handed back at once. */
export type StopOrder = "warm" | "cold";

/** `signal` is what the order came as. */
export type ObeyStop = (order: StopOrder, signal: string) => void;

/** Hands on who is told to stop. Before there is a worker, nothing was begun, and the process just ends. */
export class StopOrders {
  #obey: ObeyStop = () => process.exit(EXIT.ok);

  give(order: StopOrder, signal: string): void {
    this.#obey(order, signal);
  }

  /** From now on orders are for `obey`. */
  obeyedBy(obey: ObeyStop): void {
    this.#obey = obey;
  }
}

export const STOP_SIGNALS = ["SIGTERM", "SIGQUIT", "SIGINT"] as const;

/** Takes signals for orders, from now on: TERM is warm, QUIT cold, INT warm once and then cold. Celery: `celery/apps/worker.py`. */
export function takeOrdersFromSignals(orders: StopOrders): void {
  let interrupts = 0;
  process.on("SIGTERM", (signal) => orders.give("warm", signal));
  process.on("SIGQUIT", (signal) => orders.give("cold", signal));
  process.on("SIGINT", (signal) => orders.give((interrupts += 1) === 1 ? "warm" : "cold", signal));
}

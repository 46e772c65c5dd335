import { Celeriac } from "celeriac";

/** The same Redis and the same routes as in tasks.py: each task goes to the queue of the workers that have it. */
export const app = new Celeriac({
  name: "shop",
  broker: "redis://localhost:6379/0",
  resultBackend: "redis://localhost:6379/0",
  taskRoutes: { "prices.*": { queue: "python" }, "receipts.*": { queue: "node" } },
});

/** In tasks.py. */
export const total = app.stub<(prices: readonly number[]) => number, ["prices"]>("prices.total", {
  params: ["prices"],
});

export const write = app.task("receipts.write", { params: ["total", "name"] }, receipt);

/** Has Python compute, and waits for it. */
export const checkout = app.task(
  "receipts.checkout",
  { bind: true, params: ["prices", "name"] },
  async (task, prices: readonly number[], name: string) => {
    const sum = await total.delay(prices);
    return receipt(await sum.get({ signal: task.signal, timeoutMs: 20_000 }), name);
  },
);

function receipt(sum: number, name: string): string {
  if (name === "") throw new TypeError("a receipt needs a name");
  return `${name} paid ${sum.toFixed(2)}`;
}

/** One of many who write to an SQLite file: `chaos-writer.ts PATH MS`. It sends, takes and acknowledges for so long, and tells how that went. */
import { sqlite } from "celeriac/sqlite";
import { systemClock as clock } from "../../src/util/clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { messageOf, QUEUE } from "./sqlite-child.ts";

export type WriterNews = { readonly ready: true } | WriterReport;

export interface WriterReport {
  /** Sends that resolved, and messages that were acknowledged. */
  readonly sent: number;
  readonly acknowledged: number;
  readonly failures: readonly string[];
  /** The longest wait for one send or one acknowledgement, in milliseconds. */
  readonly longestMs: number;
}

function tell(news: WriterNews): void {
  process.send?.(news);
}

async function write(path: string, ms: number): Promise<WriterReport> {
  await using broker = sqlite({ path }).createBroker?.({ clock, log });
  if (broker === undefined) throw new Error("SQLite is a broker.");
  await broker.declare({ queues: [{ name: QUEUE }] });
  tell({ ready: true });
  const counts = { sent: 0, acknowledged: 0, failures: [] as string[], longestMs: 0 };
  const end = performance.now() + ms;
  const measured = async (what: "sent" | "acknowledged", work: () => Promise<unknown>): Promise<void> => {
    const start = performance.now();
    try {
      await work();
      counts[what] += 1;
    } catch (error) {
      counts.failures.push(String(error));
    }
    counts.longestMs = Math.max(counts.longestMs, performance.now() - start);
  };
  const sendAll = async (): Promise<void> => {
    const publication = { message: messageOf("x".repeat(200)), route: { exchange: "", routingKey: QUEUE } };
    while (performance.now() < end) await measured("sent", () => broker.publish([publication]));
  };
  const acknowledgeAll = async (): Promise<void> => {
    const consumer = broker.consume([QUEUE], { prefetch: 10 });
    setTimeout(() => void consumer.stop(), ms);
    for await (const delivery of consumer) await measured("acknowledged", () => delivery.ack());
  };
  await Promise.all([sendAll(), acknowledgeAll()]);
  return counts;
}

const [path, ms] = process.argv.slice(2);
if (path !== undefined) {
  tell(await write(path, Number(ms)));
  process.disconnect();
}

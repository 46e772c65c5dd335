/** Consumes and acknowledges each message, and nothing else; where results are kept, it sends one of Celeriac's length first. */
import { connect, type ConfirmChannel, type ConsumeMessage } from "amqplib";
import { obey, readOrders } from "../draining.ts";
import { publish, QUEUE } from "./raw-amqplib.ts";

const { place, concurrency, keepsResults } = readOrders();

await obey(readOrders(), async (onTask) => {
  const connection = await connect(place);
  const channel = await connection.createConfirmChannel();
  await channel.prefetch(concurrency);
  const { consumerTag } = await channel.consume(QUEUE, (message) => {
    if (message === null) return;
    if (keepsResults) void answer(channel, message).then(onTask);
    else {
      channel.ack(message);
      onTask();
    }
  });
  return {
    stop: async () => {
      await channel.cancel(consumerTag);
      await channel.close();
      await connection.close();
    },
  };
});

async function answer(channel: ConfirmChannel, message: ConsumeMessage): Promise<void> {
  const { replyTo, correlationId } = message.properties as Readonly<Record<"replyTo" | "correlationId", string>>;
  const result = { status: "SUCCESS", result: null, traceback: null, children: [] };
  const meta = { ...result, date_done: new Date().toISOString(), task_id: correlationId };
  const options = { contentType: "application/json", contentEncoding: "utf-8", correlationId, deliveryMode: 1 };
  await publish(channel, replyTo, Buffer.from(JSON.stringify(meta)), options);
  channel.ack(message);
}

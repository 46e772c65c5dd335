import { connect } from "amqplib";
import { celeryOn } from "../celery/contender.ts";
import type { Contender } from "../contender.ts";
import { QUEUE } from "./raw-amqplib.ts";
import { lacksRabbitMq, rabbitMqUrlOf } from "./server.ts";

/** By its defaults it does not wait for RabbitMQ when it sends, and does not learn whether anything arrived. */
export const celeryOnRabbitMq: Contender = celeryOn({
  lacks: lacksRabbitMq,
  urlOf: rabbitMqUrlOf,
  sendsBlindly: true,
  /** Less the eight that it holds at most. */
  openOwed: async (place) => {
    const connection = await connect(rabbitMqUrlOf(place));
    const channel = await connection.createChannel();
    return {
      read: async () => (await channel.checkQueue(QUEUE)).messageCount,
      [Symbol.asyncDispose]: () => connection.close(),
    };
  },
});

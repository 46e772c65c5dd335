import { drain, send } from "../scenarios.ts";
import type { Suite } from "../suite.ts";
import { celeriacOnRabbitMq } from "./celeriac.ts";
import { celeryOnRabbitMq } from "./celery.ts";
import { rawAmqplib } from "./raw-amqplib.ts";
import { startRabbitMq } from "./server.ts";

/** Beside the least that the same library must do, and beside Celery itself, whose queues and messages ours are. */
export const rabbitMqSuite: Suite = {
  name: "rabbitmq",
  startServer: startRabbitMq,
  contenders: [rawAmqplib, celeriacOnRabbitMq, celeryOnRabbitMq],
  scenarios: (quick) => {
    const [few, many] = quick ? [20, 200] : [2_000, 20_000];
    const drained = { waiting: quick ? 200 : 20_000, concurrency: 100 };
    return [
      send("1 in flight", { count: few, inFlight: 1, keepsResults: false }),
      send("100 in flight", { count: many, inFlight: 100, keepsResults: false }),
      drain("no results", { ...drained, keepsResults: false }),
      drain("results sent", { ...drained, keepsResults: true }),
    ];
  },
};

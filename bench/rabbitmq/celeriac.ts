import { celeriacOn } from "../celeriac/contender.ts";
import type { Contender } from "../contender.ts";
import { lacksRabbitMq, rabbitMqUrlOf } from "./server.ts";

export const celeriacOnRabbitMq: Contender = celeriacOn({
  lacks: lacksRabbitMq,
  urlOf: rabbitMqUrlOf,
  answersSender: true,
});

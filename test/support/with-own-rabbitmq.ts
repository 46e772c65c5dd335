import { it as anyIt } from "vitest";
import { hasRabbitMqProgram } from "./rabbitmq.ts";

/** vitest's own, skipped where no RabbitMQ can be started for a test that stops, kills or freezes it. */
export const it = anyIt.skipIf(!hasRabbitMqProgram());

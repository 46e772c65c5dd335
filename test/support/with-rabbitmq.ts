import { it as anyIt } from "vitest";
import { SHARED_RABBITMQ } from "./rabbitmq-vhost.ts";

/** vitest's own, skipped where there is no RabbitMQ. */
export const it = anyIt.skipIf(SHARED_RABBITMQ === "");

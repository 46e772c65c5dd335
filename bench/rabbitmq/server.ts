import { hasRabbitMqProgram, RabbitServer } from "../../test/support/rabbitmq.ts";
import { rabbitMqVersion, type RabbitVhost } from "../../test/support/rabbitmq-vhost.ts";
import type { Place } from "../contender.ts";
import type { Server } from "../server.ts";

/** For contenders that stand on RabbitMQ. */
export function lacksRabbitMq(): string | undefined {
  return hasRabbitMqProgram() ? undefined : "there are no rabbitmq-server and epmd in the PATH.";
}

/** A RabbitMQ of its own on the loopback, with a virtual host for each measurement. */
export async function startRabbitMq(): Promise<Server | undefined> {
  if (!hasRabbitMqProgram()) return undefined;
  const server = await RabbitServer.start();
  let vhost: RabbitVhost | undefined;
  return {
    version: `RabbitMQ ${await rabbitMqVersion(server.url)}`,
    emptied: async () => {
      await vhost?.[Symbol.asyncDispose]();
      vhost = await server.vhost();
      return { rabbitMqUrl: vhost.url };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export function rabbitMqUrlOf({ rabbitMqUrl }: Place): string {
  if (rabbitMqUrl === undefined) throw new Error("This is measured on RabbitMQ, and there is none.");
  return rabbitMqUrl;
}

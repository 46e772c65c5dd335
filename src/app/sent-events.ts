import type { Broker } from "../broker/broker.ts";
import { DirectSender } from "../events/direct-sender.ts";
import { EventDispatcher } from "../events/event-dispatcher.ts";
import { LamportClock } from "../events/lamport-clock.ts";
import { isoFormat } from "../message/python-values.ts";
import type { TaskRequest } from "../message/task-request.ts";
import type { Route } from "../routing/topology.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import { anonymousNode } from "./build-request.ts";
import type { Connections } from "./connections.ts";

export interface SentEventsOptions {
  readonly connections: Pick<Connections, "keep">;
  readonly clock: Clock;
  readonly log: Logger;
}

interface SentRequest {
  readonly request: TaskRequest;
  readonly route: Route;
}

/** Tells monitors of every task that was sent. Nobody waits for it. Celery: `celery/app/amqp.py:AMQP._create_task_sender`. */
export class SentEvents {
  readonly #options: SentEventsOptions;
  #dispatcher: EventDispatcher | undefined;

  constructor(options: SentEventsOptions) {
    this.#options = options;
  }

  /** Never throws. */
  tell(sent: readonly SentRequest[], { broadcaster }: Pick<Broker, "broadcaster">): void {
    this.#dispatcher ??= this.#open(broadcaster);
    for (const one of sent) this.#tellOne(one, this.#dispatcher);
  }

  #tellOne({ request, route }: SentRequest, dispatcher: EventDispatcher): void {
    const { id, task, argsRepr, kwargsRepr, rootId, parentId, retries, eta, expires } = request;
    const { exchange, routingKey } = route;
    dispatcher.send("task-sent", {
      uuid: id,
      root_id: rootId,
      parent_id: parentId,
      name: task,
      args: argsRepr,
      kwargs: kwargsRepr,
      retries,
      eta: eta && isoFormat(eta),
      expires: expires && isoFormat(expires),
      queue: exchange === "" ? routingKey : null,
      exchange,
      routing_key: routingKey,
    });
  }

  /** What waits is sent before the broker is closed. */
  #open(broadcaster: Broker["broadcaster"]): EventDispatcher {
    const { connections, clock, log } = this.#options;
    const hostname = anonymousNode();
    const sender = broadcaster && new DirectSender({ hostname, broadcaster, clock, log });
    const lamport = new LamportClock();
    return connections.keep(new EventDispatcher({ hostname, sender, lamport, taskEvents: false, clock, log }));
  }
}

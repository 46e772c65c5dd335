import type { Clock } from "../../util/clock.ts";
import type { EventReceiver } from "../event-receiver.ts";
import { ClusterState, type ClusterOptions } from "./cluster-state.ts";

/** The state of a cluster that follows its events, until it is disposed. */
export class Cluster extends ClusterState implements AsyncDisposable {
  #receiver: EventReceiver | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** Resolves once `listen` has. Rejects as it does, and with RangeError. Disposes of the receiver with the cluster. */
  static async open(
    listen: () => Promise<EventReceiver>,
    options: ClusterOptions & { readonly clock: Clock },
  ): Promise<Cluster> {
    const cluster = new Cluster(options);
    const receiver = await listen();
    cluster.#receiver = receiver;
    cluster.#ended = cluster.#follow(receiver).catch(() => undefined);
    return cluster;
  }

  /** Resolves when no more events come: it was disposed, or what they came by is lost for good. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Calling it again is fine. What is known stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#receiver?.[Symbol.asyncDispose]();
    await this.#ended;
  }

  async #follow(receiver: EventReceiver): Promise<void> {
    for await (const event of receiver) this.apply(event);
  }
}

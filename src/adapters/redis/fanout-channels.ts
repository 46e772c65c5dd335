import type { Exchange } from "../../routing/topology.ts";

/** The pub/sub channels of Kombu's fanout exchanges: `/<db>.<exchange>`, and behind that `/<routing key>` where there is one. Kombu: `redis.py:Channel._get_publish_topic`. */
export class FanoutChannels {
  readonly #prefix: string;

  constructor(keyPrefix: string, db: number) {
    this.#prefix = `${keyPrefix}/${db}.`;
  }

  name(exchange: string, routingKey: string): string {
    const channel = this.#prefix + exchange;
    return routingKey === "" ? channel : `${channel}/${routingKey}`;
  }

  routingKey({ name }: Exchange, channel: string): string {
    return channel.slice(this.#prefix.length + name.length + 1);
  }

  /** Redis' glob patterns, for everything without a binding. They let through more than a topic pattern does: `#` may be no word. */
  patterns({ name, type }: Exchange, binding = "#"): readonly string[] {
    const channel = escapeGlob(this.#prefix + name);
    const key =
      type === "direct" && binding !== "#" ? escapeGlob(binding) : escapeGlob(binding).replace(WILDCARDS, "*");
    return key === "*" ? [channel, `${channel}/*`] : [`${channel}/${key}`];
  }
}

/** `#` with the dots around it; `*` as it was escaped. */
const WILDCARDS = /\.?#\.?|\\\*/g;

function escapeGlob(text: string): string {
  return text.replace(/[*?[\]^\\]/g, "\\$&");
}

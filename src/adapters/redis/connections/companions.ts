import type { Connection } from "./connection.ts";
import { SilenceError } from "./failure.ts";

/**
 * Connections that lead to one server: when one of them is found silent, the others are lost with it. Where a network lets nothing through and resets nothing,
 * each of them would keep its next user waiting until it is found silent too.
 */
export class Companions {
  readonly #living = new Set<Connection>();

  add(connection: Connection): void {
    this.#living.add(connection);
    connection.onLost(() => {
      this.#living.delete(connection);
      const { loss } = connection;
      if (loss instanceof SilenceError) for (const companion of this.#living) companion.lose(loss);
    });
  }
}

import type { Adapter } from "../../src/adapters/adapter.ts";

/** Messages in one place, results and keys in another. */
export function beside(messages: Adapter, { url, createResultBackend, createKeyStore }: Adapter): Adapter {
  const { createBroker } = messages;
  return {
    url: `${messages.url} and ${url}`,
    ...(createBroker === undefined ? {} : { createBroker }),
    ...(createResultBackend === undefined ? {} : { createResultBackend }),
    ...(createKeyStore === undefined ? {} : { createKeyStore }),
  };
}

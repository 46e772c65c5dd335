import { expect, it } from "vitest";
import { MemoryKeyStore } from "../../../src/adapters/memory/memory-keys.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { silentLogger as log } from "../../../src/util/logger.ts";
import { ConcurrencyKeys } from "../../../src/worker/concurrency-keys.ts";

const OPTIONS = { key: "key" };

it("a place that is left while it is looked who has it is taken", async () => {
  const clock = new FakeClock();
  const store = new MemoryKeyStore({ clock });
  const terminate = async (): Promise<void> => undefined;
  await using keys = new ConcurrencyKeys({ keys: store, terminate, random: () => 0, clock, log });
  const first = await keys.claim("key", OPTIONS, { taskId: "retried", fence: 1 });
  const read = store.read.bind(store);
  store.read = async (names) => {
    await first?.[Symbol.asyncDispose]();
    return read(names);
  };
  expect(await keys.claim("key", OPTIONS, { taskId: "retried", fence: 2 })).toBeDefined();
});

import { it } from "vitest";
import { MemoryBackend } from "../../src/adapters/memory/memory-backend.ts";
import { MemoryKeyStore } from "../../src/adapters/memory/memory-keys.ts";
import type { MemoryClaims } from "../../src/adapters/memory/memory-keys.ts";
import { MemoryResults } from "../../src/adapters/memory/memory-results.ts";
import { exerciseKeyStore } from "../../src/testing/conformance/exercise-key-store.ts";
import { exerciseResultBackend } from "../../src/testing/conformance/exercise-result-backend.ts";
import { systemClock as clock } from "../../src/util/clock.ts";

exerciseResultBackend("memory results", {
  test: it.concurrent,
  createPlace: async () => {
    const results = new MemoryResults(clock);
    return {
      createBackend: ({ resultExpiresMs }) => new MemoryBackend({ clock, resultExpiresMs, results }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
});

exerciseKeyStore("memory keys", {
  test: it.concurrent,
  createPlace: async () => {
    const claims: MemoryClaims = new Map();
    return {
      createKeyStore: () => new MemoryKeyStore({ clock, claims }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
});

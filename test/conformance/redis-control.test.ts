import { expect } from "vitest";
import { Celeriac } from "celeriac";
import { ControlTimeoutError } from "../../src/control/errors.ts";
import { RedisServer } from "../support/redis.ts";
import { it } from "../support/with-redis.ts";

it("a question to workers ends at its time on a Redis that has fallen silent, and when it is called off", async () => {
  await using server = await RedisServer.start();
  await using app = new Celeriac({ broker: server.url }, { env: {} });
  await app.control.ask("ping", {}, { limit: 0 });
  server.signal("SIGSTOP");
  try {
    // Later, the connection itself would be found lost.
    await expect(app.control.ask("ping", {}, { timeoutMs: 200 })).rejects.toBeInstanceOf(ControlTimeoutError);
    const reason = new Error("enough");
    const caller = new AbortController();
    const asked = app.control.ask("ping", {}, { signal: caller.signal });
    caller.abort(reason);
    await expect(asked).rejects.toBe(reason);
  } finally {
    server.signal("SIGCONT");
  }
});

import { describe, expect, it } from "vitest";
import { MemoryBroadcaster } from "../../../src/adapters/memory/memory-broadcaster.ts";
import type { Broadcaster } from "../../../src/broker/broadcaster.ts";
import { readCommand } from "../../../src/control/command.ts";
import { ControlTimeoutError } from "../../../src/control/errors.ts";
import { CONTROL_EXCHANGE } from "../../../src/control/exchanges.ts";
import { RemoteControl } from "../../../src/control/remote-control.ts";
import { encodeReply } from "../../../src/control/reply.ts";
import { LamportClock } from "../../../src/events/lamport-clock.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

const NEVER = new Promise<never>(() => undefined);

function bench(broadcaster: Broadcaster = new MemoryBroadcaster()) {
  const clock = new FakeClock();
  const control = new RemoteControl({
    broadcaster: () => Promise.resolve(broadcaster),
    lamport: new LamportClock(),
    clock,
  });
  return { clock, control, broadcaster };
}

/** A node that answers every command with its name, and goes. */
async function answerOnce(node: string, broadcaster: Broadcaster): Promise<void> {
  const listener = await broadcaster.listen(CONTROL_EXCHANGE);
  void (async () => {
    for await (const message of listener) {
      const { replyTo } = readCommand(message).command;
      if (replyTo === undefined) continue;
      const exchange = { name: replyTo.exchange, type: "direct" } as const;
      await broadcaster.broadcast(encodeReply(node, node, replyTo.ticket, 1), exchange, replyTo.routingKey);
      await listener[Symbol.asyncDispose]();
    }
  })();
}

describe("a question to workers", () => {
  it("ends at its time with the answers that came", async () => {
    const { clock, control, broadcaster } = bench();
    await answerOnce("a", broadcaster);
    const asked = control.ask("ping", {}, { timeoutMs: 500 });
    await clock.advance(500);
    expect([...(await asked).keys()]).toEqual(["a"]);
    expect(clock.sleeping).toBe(0);
  });

  it("tells how many hear it", async () => {
    const { clock, control, broadcaster } = bench();
    const hearers: unknown[] = [];
    const onAsked = (count: number | undefined): unknown => hearers.push(count);
    expect((await control.ask("ping", {}, { limit: 0, onAsked })).size).toBe(0);
    await answerOnce("a", broadcaster);
    await answerOnce("b", broadcaster);
    expect([...(await control.ask("ping", {}, { limit: 2, onAsked })).keys()]).toEqual(["a", "b"]);
    expect(hearers).toEqual([0, 2]);
    expect(clock.sleeping).toBe(0);
  });

  it.each(["listen", "broadcast"] as const)("ends at its time where the broker is silent: %s", async (method) => {
    const silent: Broadcaster = Object.assign(new MemoryBroadcaster(), { [method]: () => NEVER });
    const { clock, control } = bench(silent);
    const asked = control.ask("ping", {}, { timeoutMs: 500 }).catch((error: unknown) => error);
    await clock.advance(500);
    expect(await asked).toBeInstanceOf(ControlTimeoutError);
  });

  it("waits no longer than a moment for a broker that does not let go of what it opened", async () => {
    const broadcaster = new MemoryBroadcaster();
    const listen = broadcaster.listen.bind(broadcaster);
    broadcaster.listen = async (...args) =>
      Object.assign(await listen(...args), { [Symbol.asyncDispose]: () => NEVER });
    const { clock, control } = bench(broadcaster);
    const asked = control.ask("ping", {}, { timeoutMs: 500 });
    await clock.advance(1_000);
    expect((await asked).size).toBe(0);
  });

  it("closes a listener that was opened too late", async () => {
    const broadcaster = new MemoryBroadcaster();
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    let closed = 0;
    const listen = broadcaster.listen.bind(broadcaster);
    broadcaster.listen = async (...args) => {
      await opened;
      const close = (): Promise<void> => Promise.resolve(void (closed += 1));
      return Object.assign(await listen(...args), { [Symbol.asyncDispose]: close });
    };
    const { clock, control } = bench(broadcaster);
    const asked = control.ask("ping", {}, { timeoutMs: 500 }).catch((error: unknown) => error);
    await clock.advance(500);
    expect(await asked).toBeInstanceOf(ControlTimeoutError);
    open();
    await clock.advance(1);
    expect(closed).toBe(1);
  });

  it("ends with the reason of its signal, whatever it waits for", async () => {
    const reason = new Error("enough");
    for (const broadcaster of [
      new MemoryBroadcaster(),
      Object.assign(new MemoryBroadcaster(), { listen: () => NEVER }),
    ]) {
      const { clock, control } = bench(broadcaster);
      const caller = new AbortController();
      const asked = control.ask("ping", {}, { signal: caller.signal }).catch((error: unknown) => error);
      await clock.advance(100);
      caller.abort(reason);
      expect(await asked).toBe(reason);
      expect(clock.sleeping).toBe(0);
    }
    const waiting = new RemoteControl({
      broadcaster: () => NEVER,
      lamport: new LamportClock(),
      clock: new FakeClock(),
    });
    await expect(waiting.ask("ping", {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

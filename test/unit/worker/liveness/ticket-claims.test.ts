import { describe, expect, it } from "vitest";
import type { Command } from "../../../../src/control/command.ts";
import { TicketClaims } from "../../../../src/worker/liveness/ticket-claims.ts";

function command(ticket: string, method = "ping"): Command {
  return { method, arguments: {}, audience: {}, replyTo: { exchange: "replies", routingKey: "asker", ticket } };
}

function sides() {
  const loop = new TicketClaims("loop");
  return { loop, thread: new TicketClaims("thread", loop.buffer) };
}

describe("claims of tickets", () => {
  it("give each command to the first who claims it", () => {
    const { loop, thread } = sides();
    for (let ticket = 0; ticket < 1_000; ticket += 1) {
      const [first, second] = ticket % 2 === 0 ? [loop, thread] : [thread, loop];
      expect(first.claim(command(String(ticket)))).toBe(true);
      expect(second.isTaken(command(String(ticket)))).toBe(true);
      expect(second.claim(command(String(ticket)))).toBe(false);
    }
  });

  it("are remembered while thousands of others come, and forgotten after that", () => {
    const { loop, thread } = sides();
    const tickets = Array.from({ length: 4_096 }, (_, ticket) => command(String(ticket)));
    for (const ticket of tickets) expect(thread.claim(ticket)).toBe(true);
    expect(tickets.some((ticket) => loop.claim(ticket))).toBe(false);
    thread.claim(command("one more"));
    expect(loop.claim(command("0"))).toBe(true);
  });

  it("are made all the same when one who was at it is no more", () => {
    const { loop } = sides();
    Atomics.store(new Int32Array(loop.buffer), 0, 1);
    expect(loop.claim(command("a"))).toBe(true);
  });

  it("tell commands apart by ticket and method", () => {
    const { loop, thread } = sides();
    expect(loop.claim(command("a"))).toBe(true);
    expect(thread.isTaken(command("b"))).toBe(false);
    expect(thread.claim(command("a", "stats"))).toBe(true);
    expect(thread.claim(command("b"))).toBe(true);
  });

  it("let a side claim again what is its own, as when a command comes twice", () => {
    const { loop, thread } = sides();
    expect([loop.claim(command("a")), loop.claim(command("a"))]).toEqual([true, true]);
    expect(loop.isTaken(command("a"))).toBe(false);
    expect(thread.claim(command("a"))).toBe(false);
  });
});

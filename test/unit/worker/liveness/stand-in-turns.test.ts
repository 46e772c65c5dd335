import { describe, expect, it } from "vitest";
import type { Command } from "../../../../src/control/command.ts";
import { StandInTurns } from "../../../../src/worker/liveness/stand-in-turns.ts";
import { TicketClaims } from "../../../../src/worker/liveness/ticket-claims.ts";
import { SteadyClock } from "../../../support/steady-clock.ts";

const PING: Command = {
  method: "ping",
  arguments: {},
  audience: {},
  replyTo: { exchange: "replies", routingKey: "asker", ticket: "a" },
};

function bench() {
  const clock = new SteadyClock();
  const memory = { beatAt: clock.uptime() };
  const loop = new TicketClaims("loop");
  const claims = new TicketClaims("thread", loop.buffer);
  const turns = new StandInTurns({ claims, memory, handlers: new Set(["ping"]), clock });
  /** Undefined while it waits. */
  const asked = (command: Command) => {
    const state: { may?: boolean } = {};
    void Promise.resolve(turns.mayDo(command)).then((may) => (state.may = may));
    return state;
  };
  const turn = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) {
      await clock.advance(50);
      memory.beatAt = clock.uptime();
    }
  };
  return { clock, memory, loop, turns, asked, turn };
}

describe("who stands in for an event loop", () => {
  it("leaves it 300 ms for a command, and then does it", async () => {
    const { asked, turn, turns, loop } = bench();
    const question = asked(PING);
    await turn(250);
    expect(question.may).toBeUndefined();
    await turn(50);
    expect(question.may).toBe(true);
    expect(turns.mayAnswer(PING)).toBe(true);
    expect(loop.claim(PING)).toBe(false);
  });

  it("does it at once when the loop was not seen for so long", async () => {
    const { clock, asked } = bench();
    await clock.advance(1_001);
    const question = asked(PING);
    await clock.advance(0);
    expect(question.may).toBe(true);
  });

  it("leaves what the loop has claimed, also while it is at it", async () => {
    const { asked, turn, turns, loop } = bench();
    const question = asked(PING);
    await turn(100);
    loop.claim(PING);
    await turn(50);
    expect(question.may).toBe(false);
    expect(turns.mayAnswer(PING)).toBe(false);
  });

  it("leaves all that it has no answer to, and what nobody waits for", async () => {
    const { clock, asked } = bench();
    await clock.advance(60_000);
    const questions = [asked({ ...PING, method: "pool_grow" }), asked({ ...PING, replyTo: undefined })];
    await clock.advance(0);
    expect(questions).toEqual([{ may: false }, { may: false }]);
  });
});

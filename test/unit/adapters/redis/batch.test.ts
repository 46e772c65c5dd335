import { describe, expect, it } from "vitest";
import { writeCommands } from "../../../../src/adapters/redis/connections/batch.ts";
import type { Command } from "../../../../src/adapters/redis/connections/redis-link.ts";

describe("writeCommands", () => {
  it("writes all in one piece, with the lengths in bytes", () => {
    const { pieces, count } = written([
      ["SET", "k", "ü🥕"],
      ["INCRBY", "n", 12],
    ]);
    expect(count).toBe(2);
    expect(pieces).toEqual([
      {
        text: "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$6\r\nü🥕\r\n*3\r\n$6\r\nINCRBY\r\n$1\r\nn\r\n$2\r\n12\r\n",
        encoding: "utf8",
      },
    ]);
  });

  it.each([
    ["latin1", "plain ASCII \0"],
    ["utf8", "é, which Latin-1 has too"],
    ["utf8", "🥕"],
  ])("has it encoded as %s: %s", (encoding, value) => {
    expect(written([["ECHO", value]]).pieces.map((piece) => piece.encoding)).toEqual([encoding]);
  });

  it("writes what is long before it asks for more, each piece in its own encoding", () => {
    const long = "x".repeat(40_000);
    const asked: string[] = [];
    const commands = function* (): Iterable<Command> {
      asked.push(`after ${pieces.length}`);
      yield ["ECHO", long];
      asked.push(`after ${pieces.length}`);
      yield ["ECHO", `é${long}`];
      asked.push(`after ${pieces.length}`);
      yield ["PING"];
    };
    const pieces: string[] = [];
    const count = writeCommands(commands(), (text, encoding) => pieces.push(`${encoding} ${text.length}`));
    expect(count).toBe(3);
    expect(asked).toEqual(["after 0", "after 1", "after 2"]);
    expect(pieces.map((piece) => piece.split(" ")[0])).toEqual(["latin1", "utf8", "latin1"]);
  });

  it("writes nothing where there is nothing", () => {
    expect(written([])).toEqual({ pieces: [], count: 0 });
  });
});

function written(commands: readonly Command[]) {
  const pieces: { text: string; encoding: string }[] = [];
  const count = writeCommands(commands, (text, encoding) => pieces.push({ text, encoding }));
  return { pieces, count };
}

import { expect, it } from "vitest";
import type { News } from "../../../src/pool/isolated/protocol.ts";
import { childLog } from "../../../src/worker/child-log.ts";

it("sends what can be cloned as it is, and describes the rest", () => {
  const news: News[] = [];
  const log = childLog((said) => news.push(structuredClone(said)));
  const error = new RangeError("too far");
  log.warn("plain");
  log.info("odd", { text: "a", big: 2n, list: [1], error, act: () => 1, sign: Symbol("s"), held: { act: () => 1 } });
  expect(news).toEqual([
    { kind: "log", level: "warn", message: "plain", fields: undefined },
    {
      kind: "log",
      level: "info",
      message: "odd",
      fields: {
        text: "a",
        big: 2n,
        list: [1],
        error,
        act: "[Function: act]",
        sign: "Symbol(s)",
        held: "{ act: [Function: act] }",
      },
    },
  ]);
});

import { expect, it } from "vitest";
import fc from "fast-check";
import { AckWindow } from "../../../../src/adapters/amqp/ack-window.ts";

it("knows up to which tag all are settled, in whatever order they are", () => {
  const tags = fc
    .integer({ min: 1, max: 2_000 })
    .chain((count) => fc.shuffledSubarray(Array.from({ length: count }, (_, index) => index + 1)));
  fc.assert(
    fc.property(tags, (order) => {
      const window = new AckWindow();
      const settled = new Set<number>();
      for (const tag of order) {
        window.settle(tag);
        settled.add(tag);
        for (const again of [tag, 1, window.floor]) if (settled.has(again)) window.settle(again);
        expect(settled.has(window.floor + 1)).toBe(false);
      }
      for (let tag = 1; tag <= window.floor; tag += 1) expect(settled.has(tag)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

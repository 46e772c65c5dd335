import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { MinHeap } from "../../../src/util/min-heap.ts";

describe("MinHeap", () => {
  it("gives out any numbers in ascending order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = new MinHeap<number>((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        expect(drain(heap)).toEqual(numbers.toSorted((a, b) => a - b));
      }),
    );
  });

  it("keeps its order while values come and go", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer(), { nil: undefined })), (steps) => {
        const heap = new MinHeap<number>((a, b) => a < b);
        const model: number[] = [];
        for (const step of steps) {
          if (step === undefined) {
            expect(heap.pop()).toBe(model.shift());
          } else {
            heap.push(step);
            model.push(step);
            model.sort((a, b) => a - b);
          }
          expect(heap.peek()).toBe(model[0]);
          expect(heap.size).toBe(model.length);
        }
      }),
    );
  });

  it("is empty after it was drained", () => {
    const heap = new MinHeap<number>((a, b) => a < b);
    heap.push(1);
    expect(heap.drain()).toEqual([1]);
    expect([heap.size, heap.peek(), heap.pop()]).toEqual([0, undefined, undefined]);
  });

  it("keeps its order when a value is deleted from anywhere", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer(), { minLength: 1 }), fc.nat(), (numbers, pick) => {
        const heap = new MinHeap<number>((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        const deleted = numbers[pick % numbers.length] as number;
        expect([heap.delete(deleted), heap.delete(deleted)]).toEqual([true, false]);
        expect(drain(heap)).toEqual(numbers.filter((number) => number !== deleted).sort((a, b) => a - b));
      }),
    );
  });
});

function drain(heap: MinHeap<number>): readonly number[] {
  const values: number[] = [];
  for (let value = heap.pop(); value !== undefined; value = heap.pop()) values.push(value);
  return values;
}

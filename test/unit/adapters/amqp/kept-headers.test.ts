import { describe, expect, it } from "vitest";
import { KeptHeaders } from "../../../../src/adapters/amqp/kept-headers.ts";

describe("headers that are kept", () => {
  it("are those of each message, in one object for the same names", () => {
    const kept = new KeptHeaders();
    kept.of({ id: 1, task: "a" });
    const second = kept.of({ id: 2, task: "b" });
    expect(second).toEqual({ id: 2, task: "b" });
    expect(kept.of({ id: 3, task: undefined })).toBe(second);
    expect(second).toEqual({ id: 3, task: undefined });
  });

  it("have the names of their message alone", () => {
    const kept = new KeptHeaders();
    const lists = [{ id: 1, group: 1 }, { id: 2 }, { group: 3, id: 3 }, {}, { "id\0group": 4 }, { id: 5, group: 5 }];
    for (const headers of [...lists, ...lists]) expect(kept.of(headers)).toEqual(headers);
    expect(kept.of()).toEqual({});
  });

  it("leave the message's own object as it is", () => {
    const kept = new KeptHeaders();
    const first = { id: 1 };
    kept.of(first);
    kept.of({ id: 2 });
    expect(first).toEqual({ id: 1 });
  });

  it("are remembered for so many lists of names, and right for others", () => {
    const kept = new KeptHeaders();
    for (let turn = 0; turn < 2; turn += 1) {
      for (let name = 0; name < 200; name += 1) expect(kept.of({ [name]: turn })).toEqual({ [name]: turn });
    }
  });
});

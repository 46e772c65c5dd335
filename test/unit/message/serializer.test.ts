import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UnreadableMessageError } from "../../../src/message/errors.ts";
import { jsonSerializer, serializerFor } from "../../../src/message/serializer.ts";
import { wireValue } from "../../support/wire-value.ts";

describe("the accept list", () => {
  it("takes JSON, by its name or its content type", () => {
    expect(serializerFor("application/json", ["json"])).toBe(jsonSerializer);
    expect(serializerFor("application/json", ["application/json"])).toBe(jsonSerializer);
  });

  it.each([
    ["application/json", ["yaml"], /is "application\/json", and only yaml is accepted/],
    ["application/json", [], /only nothing is accepted/],
    ["application/x-yaml", ["json", "yaml"], /"application\/x-yaml", for which there is no serializer/],
    ["", ["json"], /"", for which there is no serializer/],
  ])("refuses %j where %j is accepted", (contentType, accept, reason) => {
    expect(() => serializerFor(contentType, accept)).toThrow(UnreadableMessageError);
    expect(() => serializerFor(contentType, accept)).toThrow(reason);
  });

  it.each(["application/x-python-serialize", "pickle"])("never takes %s, and says why", (contentType) => {
    expect(() => serializerFor(contentType, ["pickle", contentType])).toThrow(/can run any code .* never accepted/);
  });
});

describe("the JSON serializer", () => {
  it("gives back what it was given", () => {
    fc.assert(
      fc.property(wireValue(), (value) => {
        expect(jsonSerializer.decode(jsonSerializer.encode(value))).toEqual(value);
      }),
    );
  });

  it.each([[[0xff]], [[0x22, 0xc3, 0x22]], [[0x22, 0xed, 0xa0, 0x80, 0x22]], [[0x22, 0xc0, 0x80, 0x22]]])(
    "refuses bytes that are not UTF-8: %j",
    (bytes) => {
      expect(() => jsonSerializer.decode(new Uint8Array(bytes))).toThrow("not UTF-8");
    },
  );

  it("throws nothing but UnreadableMessageError for arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          jsonSerializer.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableMessageError);
        }
      }),
    );
  });
});

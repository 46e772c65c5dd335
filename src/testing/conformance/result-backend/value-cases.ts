import assert from "node:assert/strict";
import { EncodeError } from "../../../message/errors.ts";
import { EncodedJson } from "../../../message/json.ts";
import type { Case } from "../cases.ts";
import { metaOf, type ResultStage } from "./stage.ts";

const ODD_VALUES: readonly unknown[] = [
  null,
  false,
  0,
  "",
  [],
  {},
  NaN,
  -Infinity,
  "zwölf 🥕 \u2028 \u0000 \\ \" '",
  2n ** 64n,
  -(2n ** 80n),
  1e300,
  new Date("2026-11-22T15:30:23.660Z"),
  new Uint8Array([0, 1, 254, 255]),
  Array.from({ length: 100 }).reduce<unknown>((inner) => [{ inner }], "deep"),
  { "": 1, constructor: 2, ключ: [{ a: [null] }] },
];

/** What a record may hold, and under which ids. */
export const valueCases: readonly Case<ResultStage>[] = [
  {
    name: "values come back as they were, however odd",
    async run(stage) {
      const backend = await stage.open();
      for (const [index, value] of ODD_VALUES.entries())
        await backend.store([metaOf(`odd-${index}`, "SUCCESS", value)]);
      const found = await backend.fetch(ODD_VALUES.map((_, index) => `odd-${index}`));
      for (const [index, value] of ODD_VALUES.entries()) assert.deepEqual(found.get(`odd-${index}`)?.result, value);
    },
  },
  {
    name: "ids may hold any characters",
    async run(stage) {
      const backend = await stage.open();
      const ids = [
        "ünïcode-🥕",
        "with blank",
        'it\'s "quoted"',
        "'; DROP TABLE results; --",
        "a%b_c*",
        "__proto__",
        "x".repeat(255),
      ];
      await backend.store(ids.map((id) => metaOf(id, "SUCCESS", id)));
      const found = await backend.fetch(ids);
      for (const id of ids) assert.equal(found.get(id)?.result, id);
    },
  },
  {
    name: "encoded JSON is stored as it stands",
    async run(stage) {
      const backend = await stage.open();
      const text = '{ "big": 12345678901234567890, "nan": NaN,  "list": [1.50, "\\u00e9"] }';
      await backend.store([metaOf("t", "SUCCESS", new EncodedJson(text))]);
      const result = (await backend.fetch(["t"])).get("t")?.result;
      assert.deepEqual(result, { big: 12_345_678_901_234_567_890n, nan: NaN, list: [1.5, "é"] });
    },
  },
  {
    name: "a result of five megabytes is kept whole",
    async run(stage) {
      const backend = await stage.open();
      const large = "0123456789".repeat(500_000);
      await backend.store([metaOf("t", "SUCCESS", large)]);
      assert.equal((await backend.fetch(["t"])).get("t")?.result, large);
    },
  },
  {
    name: "a batch with a value that has no JSON form is refused as a whole",
    async run(stage) {
      const backend = await stage.open();
      const batch = [metaOf("good", "SUCCESS", 1), metaOf("bad", "SUCCESS", () => undefined)];
      await assert.rejects(backend.store(batch), (error) => error instanceof EncodeError);
      assert.equal((await backend.fetch(["good", "bad"])).size, 0);
    },
  },
];

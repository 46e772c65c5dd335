import { expect, it } from "vitest";
import { readPage, readSource, rowsOf } from "./reference.ts";

it("the reference of events names every type, and no other", async () => {
  const source = await readSource("src/events/event.ts");
  const [, body = ""] = /^export interface EventFields \{\n(.*?)^\}/ms.exec(source) ?? [];
  const types = [...body.matchAll(/^ {2}readonly "([\w-]+)":/gm)].map(([, type]) => type);
  expect(types.length).toBeGreaterThan(10);
  const named = rowsOf(await readPage("events.md"), "Types").flatMap(([cell = ""]) => cell.split(", "));
  expect(named.map((name) => name.replaceAll("`", ""))).toEqual(types);
});

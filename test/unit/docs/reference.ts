import { readFile } from "node:fs/promises";

const ROOT = new URL("../../../", import.meta.url).pathname;

export function readSource(path: string): Promise<string> {
  return readFile(ROOT + path, "utf8");
}

/** A page of docs/reference. */
export function readPage(name: string): Promise<string> {
  return readSource(`docs/reference/${name}`);
}

/** Names of the properties and methods that an interface itself declares. Throws when the file has none of that name. */
export async function propertiesOf(path: string, name: string): Promise<readonly string[]> {
  const source = await readSource(path);
  const [, body] = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n(.*?)^\\}`, "ms").exec(source) ?? [];
  if (body === undefined) throw new Error(`${path} has no interface ${name}.`);
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, property]) => String(property));
}

/** What stands between a heading and the next one. Throws when the page has no such heading. */
function sectionOf(page: string, heading: string): string {
  const [, section] = new RegExp(`^#+ ${heading}\\n(.*?)(?=^#|$(?![^]))`, "ms").exec(page) ?? [];
  if (section === undefined) throw new Error(`The page has no heading "${heading}".`);
  return section;
}

/** Rows of a section's table, cell by cell, those of the head left out. */
export function rowsOf(page: string, heading: string): readonly (readonly string[])[] {
  const lines = sectionOf(page, heading).matchAll(/^\|(.*)\|$/gm);
  const rows = [...lines].map(([, cells]) =>
    String(cells)
      .split("|")
      .map((cell) => cell.trim()),
  );
  return rows.slice(2);
}

/** The names in the first column of a section's table. */
export function namesIn(page: string, heading: string): readonly string[] {
  return rowsOf(page, heading).map(([name = ""]) => name.replaceAll("`", ""));
}

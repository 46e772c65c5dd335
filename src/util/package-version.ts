import { readFileSync } from "node:fs";

/** The version in this package's package.json, which lies as far above the sources as above what is built from them. */
export function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}

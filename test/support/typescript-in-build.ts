/** How built threads and children come by the tests' own modules, which are TypeScript. */
import { registerTsx } from "../../src/util/register-tsx.ts";

/** For the children of a pool to import first. */
export const TYPESCRIPT_PRELOAD: string = new URL("../../dist/cli/typescript-preload.js", import.meta.url).href;

/** A module that can be imported where TypeScript cannot, and exports what this one calls `name`. */
export function typescriptModule(url: URL, name: string): string {
  const source = `import ${JSON.stringify(registerTsx())}; export const { ${name} } = await import(${JSON.stringify(url.href)});`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

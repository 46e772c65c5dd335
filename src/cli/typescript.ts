import { register as registerHooks } from "node:module";
import { extname } from "node:path";

/** Whether a file, or a glob of files, is or may be TypeScript. */
export function isTypeScript(pattern: string): boolean {
  return !/\.[cm]?js$/.test(pattern);
}

/** The module that makes TypeScript importable in the process or thread that imports it. */
export const TYPESCRIPT_PRELOAD: string = new URL(`./typescript-preload${extname(import.meta.url)}`, import.meta.url)
  .href;

let allowed: Promise<void> | undefined;

/**
 * From now on TypeScript can be imported, through tsx on every Node: what a newer one strips by itself is only a part of the
 * language. Modules that are shared with this command stay the same instances.
 */
export function allowTypeScript(): Promise<void> {
  allowed ??= isTypeScript(import.meta.url) ? Promise.resolve() : registerTsx(); // run from its own sources, it can already
  return allowed;
}

async function registerTsx(): Promise<void> {
  registerHooks(new URL(`./typescript-hooks${extname(import.meta.url)}`, import.meta.url)); // first: tsx then asks it
  const { register } = await import("tsx/esm/api");
  register();
}

/** What the built children of a pool import first, so that they can import the tests' own modules. */
export const TYPESCRIPT_PRELOAD: string = new URL("../../dist/cli/typescript-preload.js", import.meta.url).href;

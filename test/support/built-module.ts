/** Takes the place of src/util/sibling-module.ts where there is a build: vitest.config.ts tells why. */
const ROOT = new URL("../../", import.meta.url).href;

export function siblingModule(name: string, from: string): URL {
  return new URL(`${name}.js`, from.replace(`${ROOT}src/`, `${ROOT}dist/`));
}

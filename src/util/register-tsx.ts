/**
 * A module for `--import` that makes TypeScript importable in a thread, where `--import tsx` does nothing. For this package's own sources;
 * tsx is installed with it.
 */
export function registerTsx(): string {
  const source = `import { register } from ${JSON.stringify(import.meta.resolve("tsx/esm/api"))}; register();`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

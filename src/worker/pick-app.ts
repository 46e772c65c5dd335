import { Celeriac } from "../app/celeriac.ts";
import { ConfigError } from "../app/config-error.ts";

/** A module that exports an app, for children that import it anew. */
export interface AppModule {
  /** `import.meta.url` of the module, or `import.meta.resolve("./app.ts")`. */
  readonly url: string;
  /** @default "app", else the default export, else the only app among the exports */
  readonly exportName?: string | undefined;
}

/** Imports an app. Rejects with ConfigError when the module exports none, and with whatever importing it throws. */
export async function importApp({ url, exportName }: AppModule): Promise<Celeriac> {
  const exports = (await import(url)) as Readonly<Record<string, unknown>>;
  const names = exportName === undefined ? ["app", "default", ...Object.keys(exports)] : [exportName];
  const found = names.map((name) => exports[name]).find((value) => value instanceof Celeriac);
  if (found !== undefined) return found;
  throw new ConfigError(`${url} exports no Celeriac app${exportName === undefined ? "" : ` as "${exportName}"`}.`);
}

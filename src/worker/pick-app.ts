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
  const found = exportName === undefined ? meantApp(exports) : exports[exportName];
  if (found instanceof Celeriac) return found;
  const names = appsAmong(exports);
  if (exportName === undefined && names.length > 1)
    throw new ConfigError(`${url} exports several apps; name one of ${names.join(", ")} as exportName.`);
  throw new ConfigError(`${url} exports no Celeriac app${exportName === undefined ? "" : ` as "${exportName}"`}.`);
}

/** The app that a module means when nobody names it: `app`, else the default export, else the only one. Undefined for none, and for several. */
export function meantApp(exports: Readonly<Record<string, unknown>>): Celeriac | undefined {
  for (const name of ["app", "default"]) {
    const exported = exports[name];
    if (exported instanceof Celeriac) return exported;
  }
  const [only = "", ...others] = appsAmong(exports);
  const exported = exports[only];
  return others.length === 0 && exported instanceof Celeriac ? exported : undefined;
}

/** Names of the exports that are apps. */
export function appsAmong(exports: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(exports).filter((name) => exports[name] instanceof Celeriac);
}

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Celeriac } from "../app/celeriac.ts";
import { toError } from "../util/errors.ts";
import { suggest } from "../util/suggest.ts";
import { appsAmong, meantApp, type AppModule } from "../worker/pick-app.ts";
import { AppLoadError } from "./errors.ts";
import { placeOf } from "./place-of.ts";
import { allowTypeScript, isTypeScript } from "./typescript.ts";

/** What `-A` says: `path/to/app.ts`, `path/to/app.ts:exportName`, and both without the file's extension. */
export interface AppPath {
  readonly path: string;
  readonly exportName: string | undefined;
}

export function parseAppPath(text: string): AppPath {
  const [, path = text, exportName] = /^(.+?)(?::([\p{ID_Start}$_][\p{ID_Continue}$]*))?$/u.exec(text) ?? [];
  return { path, exportName };
}

/** An app, with the module that it was imported from. */
export interface LoadedApp {
  readonly app: Celeriac;
  readonly module: AppModule;
}

/** Imports the app that `-A` names. Rejects with AppLoadError, which names the file. */
export async function loadApp(text: string): Promise<LoadedApp> {
  const { path, exportName } = parseAppPath(text);
  const file = await findFile(path);
  if (isTypeScript(file)) await allowTypeScript();
  const { href: url } = pathToFileURL(file);
  return { app: pickApp(await importModule(url, file), file, exportName), module: { url, exportName } };
}

/** Tried in this order after a name without one. */
const EXTENSIONS = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];

async function findFile(path: string): Promise<string> {
  for (const extension of ["", ...EXTENSIONS]) {
    const file = resolve(path + extension);
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() === true) return file;
  }
  throw new AppLoadError(
    `There is no file ${path} in ${process.cwd()} (-A), nor with one of ${EXTENSIONS.join(" ")} after it.`,
  );
}

async function importModule(url: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(url)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new AppLoadError(`The app ${file} could not be imported: ${describe(cause)}`, { cause });
  }
}

/** With the place. esbuild calls a syntax error a TransformError, whose message has the place on a line of its own. */
function describe(cause: unknown): string {
  const { name, message } = toError(cause);
  if (message.startsWith("Transform failed"))
    return `syntax error: ${message.replace(/^Transform failed with .*:\n/, "")}`;
  const place = placeOf(cause);
  return `${name === "SyntaxError" ? "syntax error: " : ""}${message}${place === undefined ? "" : ` (${place})`}`;
}

/** The export asked for; else `app`, else the default one, else the only app among the exports. Throws AppLoadError. */
export function pickApp(exports: Readonly<Record<string, unknown>>, file: string, exportName?: string): Celeriac {
  if (exportName !== undefined) return namedApp(exports, file, exportName);
  const meant = meantApp(exports);
  if (meant !== undefined) return meant;
  const apps = appsAmong(exports);
  if (apps.length > 1) {
    const ways = apps.map((name) => `-A ${file}:${name}`);
    throw new AppLoadError(`${file} exports several apps; name one: ${ways.join(", ")}.`);
  }
  refuseOtherCopy(Object.values(exports), file);
  throw new AppLoadError(`${file} exports no Celeriac app; ${listExports(exports)}.`);
}

function isApp(value: unknown): value is Celeriac {
  return value instanceof Celeriac;
}

function namedApp(exports: Readonly<Record<string, unknown>>, file: string, name: string): Celeriac {
  const value = exports[name];
  if (isApp(value)) return value;
  refuseOtherCopy([value], file);
  if (value !== undefined) throw new AppLoadError(`The export "${name}" of ${file} is no Celeriac app.`);
  const meant = suggest(name, Object.keys(exports));
  const hint = meant === undefined ? "" : ` Did you mean "${meant}"?`;
  throw new AppLoadError(`${file} has no export "${name}"; ${listExports(exports)}.${hint}`);
}

/** A command installed elsewhere than the project meets the project's own copy of the package, whose classes are others. */
function refuseOtherCopy(values: readonly unknown[], file: string): void {
  if (!values.some((value) => classNameOf(value) === Celeriac.name)) return;
  throw new AppLoadError(
    `The app in ${file} is of another installation of celeriac than this command. Run its own: npx celeriac.`,
  );
}

function classNameOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return (value.constructor as { readonly name?: string } | undefined)?.name;
}

function listExports(exports: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(exports);
  return names.length === 0 ? "it exports nothing" : `its exports are ${names.join(", ")}`;
}

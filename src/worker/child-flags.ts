import { extname } from "node:path";
import { registerTsx } from "../util/register-tsx.ts";

/** Flags of this process that tell how modules are found and loaded, and so hold for threads too. */
const LOADING = /^(--import|--require|-r|--conditions|-C|--loader|--experimental-loader|--preserve-symlinks)(=|$)/;
/** Flags that are only for this process: what it debugs, watches, or runs in place of a file. */
const PRIVATE =
  /^(--inspect.*|--debug-port|--watch.*|--test.*|--eval|-e|--print|-p|-pe|--interactive|-i|--check|-c|--input-type)(=|$)/;

/**
 * Node's flags for a child that runs `program`: this process's own, as far as they make sense there, and `preload`, modules that are
 * imported before all others. A program in TypeScript is this package's sources, which need tsx and find "celeriac" in themselves.
 */
export function childFlags(
  {
    threads,
    program,
    preload,
  }: { readonly threads: boolean; readonly program: URL; readonly preload: readonly string[] },
  own: readonly string[] = process.execArgv,
): readonly string[] {
  const inherited = withValues(own).filter(([flag]) => (threads ? LOADING.test(flag) : !PRIVATE.test(flag)));
  const ofSources =
    extname(program.pathname) === ".ts" ? ["--conditions=@celeriac/source", "--import", registerTsx()] : [];
  return [...inherited.flat(), ...ofSources, ...preload.flatMap((url) => ["--import", url])];
}

/** Flags with the value that follows each, where it stands apart. */
function withValues(flags: readonly string[]): readonly (readonly [string, ...string[]])[] {
  const groups: [string, ...string[]][] = [];
  for (const word of flags) {
    const last = groups.at(-1);
    if (word.startsWith("-") || last === undefined) groups.push([word]);
    else last.push(word);
  }
  return groups;
}

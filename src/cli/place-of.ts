import { fileURLToPath } from "node:url";

/** Frames of Node's own, of installed packages and of this one lead to code that the user did not write. */
const OWN = fileURLToPath(new URL("..", import.meta.url));
const FRAME = /^ +at (?:async |.* \()?(\/.+|file:\/\/.+|[A-Za-z]:\\.+):(\d+):\d+\)?$/gm;
/** Where Node could not read on: the first line of a CommonJS module's SyntaxError. */
const UNREADABLE = /^(\/.+|file:\/\/.+|[A-Za-z]:\\.+):(\d+)\n/;

/** `path/to/file.ts:12`, the place in the user's code that an error comes from, as far as its stack tells. */
export function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  const { stack } = error;
  const marked = error.name === "SyntaxError" ? UNREADABLE.exec(stack) : null;
  const places = [...(marked === null ? [] : [marked]), ...stack.matchAll(FRAME)].map(
    ([, file = "", line = ""]) => [file.startsWith("file:") ? fileURLToPath(file) : file, line] as const,
  );
  return places.find(([file]) => isOfUser(file))?.join(":");
}

function isOfUser(file: string): boolean {
  return !file.startsWith(OWN) && !/[/\\]node_modules[/\\]/.test(file);
}

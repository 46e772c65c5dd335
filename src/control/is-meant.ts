import { runInNewContext } from "node:vm";
import type { Audience } from "./command.ts";

/** How long somebody else's expression may take, in milliseconds: some take for ever. */
const MATCHING_MS = 50;

/** Whether a node is in the audience. A pattern that cannot be read, or takes too long, reaches nobody. Kombu: `pidbox.py:Node.handle_message`. */
export function isMeant(node: string, { destination = [], pattern = "", matcher = "" }: Audience): boolean {
  if (destination.length > 0) return destination.includes(node);
  if (pattern === "" || matcher === "") return true;
  if (matcher === "glob") return matches(globSource(pattern), node);
  return matcher === "pcre" && matches(`^(?:${pattern.replaceAll("(?P<", "(?<")})`, node);
}

function matches(source: string, node: string): boolean {
  try {
    return runInNewContext("new RegExp(source, 's').test(node)", { source, node }, { timeout: MATCHING_MS }) === true;
  } catch {
    return false;
  }
}

/** Python's `fnmatch`. */
function globSource(glob: string): string {
  const source = glob.replace(/\*|\?|\[(!?)(\]?[^\]]*)\]|[^]/g, (part, not?: string, set?: string) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (set !== undefined) return `[${not === "!" ? "^" : ""}${set.replace(/[\\\]^]/g, "\\$&")}]`;
    return part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  });
  return `^(?:${source})$`;
}

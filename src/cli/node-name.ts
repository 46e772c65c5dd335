import { hostname } from "node:os";
import { UsageError } from "./errors.ts";

const DEFAULT_NAME = "celeriac";

/**
 * A worker's node name from what `-n` says: `w1@%h`. Without `@` it is the host's part, as with Celery.
 * Source: `celery/utils/nodenames.py:default_nodename`, `host_format`. Throws UsageError.
 */
export function expandNodeName(pattern: string, host: string = hostname()): string {
  const at = pattern.indexOf("@");
  const name = pattern.slice(0, Math.max(at, 0)) || DEFAULT_NAME;
  const nodeName = `${name}@${pattern.slice(at + 1) || host}`;
  return nodeName.replace(/%(.)/g, (_, letter: string) => abbreviation(letter, host) ?? refuse(letter, pattern));
}

function abbreviation(letter: string, host: string): string | undefined {
  const dot = host.indexOf(".");
  switch (letter) {
    case "h":
      return host;
    case "n":
      return dot === -1 ? host : host.slice(0, dot);
    case "d":
      return dot === -1 ? "" : host.slice(dot + 1);
    case "i": // index of the pool process: this is the main one
      return "0";
    case "I":
      return "";
    case "%":
      return "%";
    default:
      return undefined;
  }
}

function refuse(letter: string, pattern: string): never {
  throw new UsageError(
    `--hostname "${pattern}": %${letter} is unknown. Known: %h host, %n name, %d domain, %i %I index, %% a percent sign.`,
  );
}

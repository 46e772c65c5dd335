import type { ResultNode } from "../backend/groups.ts";
import { AsyncResult } from "./async-result.ts";
import type { ResultSource } from "./canvas-result.ts";
import { GroupResult } from "./group-result.ts";

/** The result of a canvas whose ids are known: of a task, with the step before it for the one that sent it, or of a group. */
export function resultOf(node: ResultNode, source: ResultSource): AsyncResult | GroupResult {
  const { id, parent, members } = node;
  if (members !== null) return new GroupResult(source, { id, parent, members });
  return new AsyncResult(source, node, parent?.members === null ? parent.id : null);
}

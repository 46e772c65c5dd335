import { isDict, type Dict } from "../message/fields.ts";
import { prettyAnswer } from "./remote-answer.ts";

/**
 * What `status` says of a node, from its answer to `ping`: `->  celeriac@web1: OK`, as Celery's `status` does, unless it is a worker of ours that says it is
 * wedged.
 */
export function statusLine(node: string, answer: unknown): string {
  const liveness = isDict(answer) ? answer["liveness"] : undefined;
  if (isDict(liveness) && liveness["state"] === "wedged") return `->  ${node}: WEDGED ${troubleIn(liveness)}`;
  return `->  ${node}: ${prettyAnswer(answer).isOk ? "OK" : "ERROR"}`;
}

/** `since 2031-12-24T18:00:00.000Z, event loop blocked in reports.render[3f0c…]` */
function troubleIn(liveness: Dict): string {
  const { since, why, task, oldest_task: oldest } = liveness;
  const time =
    typeof since === "number" && Math.abs(since) < 8.64e12 ? new Date(since * 1000).toISOString() : "a while";
  const reason = typeof why === "string" ? why : "for no known reason";
  const place = isDict(task) ? ` in ${nameOf(task)}` : isDict(oldest) ? `; longest running: ${nameOf(oldest)}` : "";
  return `since ${time}, ${reason}${place}`;
}

function nameOf({ name, id }: Dict): string {
  return `${typeof name === "string" ? name : "?"}[${typeof id === "string" ? id : "?"}]`;
}

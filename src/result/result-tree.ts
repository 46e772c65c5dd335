import { lineOf, type ResultNode } from "../backend/groups.ts";

/** All tasks and groups of a canvas, those that came before it first, and a group before its members. */
export function nodesOf(root: ResultNode): readonly ResultNode[] {
  const nodes: ResultNode[] = [];
  const visit = (node: ResultNode): void => {
    for (const step of lineOf(node)) {
      nodes.push(step);
      step.members?.forEach(visit);
    }
  };
  visit(root);
  return nodes;
}

/** Ids of all its tasks, in that order. */
export function taskIdsOf(root: ResultNode): readonly string[] {
  return nodesOf(root).flatMap(({ id, members }) => (members === null ? [id] : []));
}

/** The tasks whose values are the canvas's value, in their order: itself, or all of a group and of the groups in it. */
export function leavesOf(node: ResultNode): readonly ResultNode[] {
  return node.members === null ? [node] : node.members.flatMap(leavesOf);
}

/** The canvas's value, of its leaves' values. */
export function assemble(node: ResultNode, values: Iterator<unknown>): unknown {
  return node.members === null ? values.next().value : node.members.map((member) => assemble(member, values));
}

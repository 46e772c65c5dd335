import type { Run } from "./model.ts";
import type { Observed } from "./observed.ts";

/** What the tasks of canvases have noted, by the prefix of their ids. */
export class Journal {
  readonly #runs = new Map<string, Run[]>();
  readonly #errbacks = new Map<string, Observed["errbacks"][number][]>();

  /** How often that task has run before. */
  run(prefix: string, run: Run): number {
    const runs = listOf(this.#runs, prefix);
    runs.push(run);
    return runs.filter(({ name }) => name === run.name).length - 1;
  }

  heard(prefix: string, call: Observed["errbacks"][number]): void {
    listOf(this.#errbacks, prefix).push(call);
  }

  of(prefix: string): Pick<Observed, "runs" | "errbacks"> {
    return { runs: listOf(this.#runs, prefix), errbacks: listOf(this.#errbacks, prefix) };
  }
}

function listOf<T>(lists: Map<string, T[]>, prefix: string): T[] {
  const list = lists.get(prefix) ?? [];
  lists.set(prefix, list);
  return list;
}

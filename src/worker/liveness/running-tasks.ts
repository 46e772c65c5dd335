import { Roster } from "../../util/roster.ts";
import type { RunningTask } from "../running-task.ts";
import type { EvidenceMemory } from "./evidence-memory.ts";

/** The tasks that run. The one that began last is written down for those who look while it blocks the event loop. */
export class RunningTasks extends Roster<RunningTask> {
  readonly #memory: EvidenceMemory;
  #last: RunningTask | undefined;

  constructor(memory: EvidenceMemory) {
    super();
    this.#memory = memory;
  }

  override add(task: RunningTask): void {
    super.add(task);
    this.#last = task;
    this.#memory.noteBegun(task);
  }

  override delete(task: RunningTask): boolean {
    if (this.#last === task) {
      this.#last = undefined;
      this.#memory.noteEnded();
    }
    return super.delete(task);
  }
}

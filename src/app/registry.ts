import { builtInTasks, type Send } from "./built-in-tasks.ts";
import type { TaskDefinition } from "./define-task.ts";
import { TaskDefinitionError } from "./errors.ts";

/** Task name → definition. A body replaces a stub of the same name; two bodies are a mistake. */
export class TaskRegistry {
  readonly #definitions = new Map<string, TaskDefinition>();
  /** Found by their names, and not among the app's tasks. */
  readonly #builtIns: ReadonlyMap<string, TaskDefinition>;

  /** `send` is for what built-in tasks send. */
  constructor(send: Send) {
    this.#builtIns = new Map(builtInTasks(this, send).map((task) => [task.name, task]));
  }

  add(definition: TaskDefinition): void {
    const existing = this.#definitions.get(definition.name);
    if (existing?.body !== undefined && definition.body !== undefined) {
      throw new TaskDefinitionError(`Task "${definition.name}" is defined twice. Give one of the two another name.`);
    }
    if (existing?.body !== undefined) return;
    this.#definitions.set(definition.name, definition);
  }

  get(name: string): TaskDefinition | undefined {
    return this.#definitions.get(name) ?? this.#builtIns.get(name);
  }

  /** Whether a task is the app's own, with its body. */
  isRunnable(name: string): boolean {
    return this.#definitions.get(name)?.body !== undefined;
  }

  all(): readonly TaskDefinition[] {
    return [...this.#definitions.values()];
  }

  /** Names of the tasks that every worker has, sorted. */
  builtIns(): readonly string[] {
    return [...this.#builtIns.keys()].sort();
  }

  /** Names of the app's tasks that can run here, sorted. */
  runnable(): readonly string[] {
    const names: string[] = [];
    for (const { name, body } of this.#definitions.values()) if (body !== undefined) names.push(name);
    return names.sort();
  }
}

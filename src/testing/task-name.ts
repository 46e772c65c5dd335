/** A task, or its name. */
export type TaskName = string | { readonly name: string };

export function nameOfTask(task: TaskName): string {
  return typeof task === "string" ? task : task.name;
}

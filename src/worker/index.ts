export { Worker, type WorkerState } from "./worker.ts";
export type { StopOptions, WorkerOptions } from "./options.ts";

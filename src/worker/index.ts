export { Worker } from "./worker.ts";
export type { WorkerState } from "./worker-state.ts";
export type { HealthOptions, StopOptions, WorkerOptions } from "./options.ts";
export type { AutoscaleOptions } from "./autoscaler.ts";

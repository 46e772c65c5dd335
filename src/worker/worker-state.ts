/** `stopping` while running tasks finish. */
export type WorkerState = "new" | "starting" | "running" | "stopping" | "stopped";

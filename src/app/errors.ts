import { CeleriacError } from "../util/errors.ts";

/** A task was called with arguments that it does not take. Nothing was published. */
export class InvalidArgumentsError extends CeleriacError {
  readonly code = "CELERIAC_INVALID_ARGUMENTS";
  readonly task: string;
  /** The argument at fault: `x`, `args[0]`, `user.email`. */
  readonly argument: string;
  constructor(task: string, argument: string, problem: string) {
    super(`${task}: ${problem}`);
    this.task = task;
    this.argument = argument;
  }
}

/** Two definitions share a name, or one was made after the app had started using them. */
export class TaskDefinitionError extends CeleriacError {
  readonly code = "CELERIAC_TASK_DEFINITION";
}

/** A call names a task, queue or option in a way that contradicts itself. Nothing was published. */
export class InvalidSendOptionsError extends CeleriacError {
  readonly code = "CELERIAC_INVALID_SEND_OPTIONS";
}

/** The queue is not declared and `taskCreateMissingQueues` is off. */
export class UnknownQueueError extends CeleriacError {
  readonly code = "CELERIAC_UNKNOWN_QUEUE";
  readonly queue: string;
  constructor(queue: string, known: readonly string[]) {
    super(
      `Queue "${queue}" is not declared in taskQueues, and taskCreateMissingQueues is off. Declared: ${known.join(", ")}.`,
    );
    this.queue = queue;
  }
}

/** The broker did not confirm in time. The message may or may not have been taken: with the same taskId, sending again makes a second message. */
export class PublishTimeoutError extends CeleriacError {
  readonly code = "CELERIAC_PUBLISH_TIMEOUT";
  readonly timeoutMs: number;
  constructor(what: string, timeoutMs: number, options: { readonly cause?: unknown } = {}) {
    super(`The broker did not take ${what} within ${String(timeoutMs)} ms (taskPublishTimeoutMs).`, options);
    this.timeoutMs = timeoutMs;
  }
}

/** A task module could not be imported: the worker does not start without it. */
export class TaskImportError extends CeleriacError {
  readonly code = "CELERIAC_TASK_IMPORT";
  readonly module: string;
  constructor(module: string, options: { readonly cause: unknown }) {
    const reason = options.cause instanceof Error ? options.cause.message : String(options.cause);
    super(`The task module ${module} could not be imported: ${reason}`, options);
    this.module = module;
  }
}

/** What follows messages is carried by each of them, and is too much together. Nothing was sent. */
export class CanvasTooLargeError extends CeleriacError {
  readonly code = "CELERIAC_CANVAS_TOO_LARGE";
  /** What the messages would carry, in bytes. */
  readonly size: number;
  readonly limit: number;
  constructor(
    size: number,
    limit: number,
    largest: { readonly task: string; readonly size: number; readonly carriers: number },
  ) {
    super(
      `What follows the messages of this canvas makes ${String(size)} bytes of them, more than the ${String(limit)} of taskCanvasMaxBytes: the largest part, from ` +
        `"${largest.task}" on, is ${String(largest.size)} bytes in each of ${String(largest.carriers)}. It is stored once instead where there is a result backend, taskCanvasStorage ` +
        `is "auto", and the tasks that begin the canvas have their bodies in this app; else send less at once, or data by reference.`,
    );
    this.size = size;
    this.limit = limit;
  }
}

/** What was to follow a task is no longer in the result backend, or there is none here. */
export class CanvasLostError extends CeleriacError {
  readonly code = "CELERIAC_CANVAS_LOST";
  /** The id under which it was stored. */
  readonly canvas: string;
  constructor(canvas: string) {
    super(
      `What follows is no longer there: the canvas ${canvas} has expired, or was stored in another result backend than this app's.`,
    );
    this.canvas = canvas;
  }
}

/** The app was closed; make a new one. */
export class AppClosedError extends CeleriacError {
  readonly code = "CELERIAC_APP_CLOSED";
  constructor(app: string) {
    super(`The app "${app}" is closed and can no longer send or receive.`);
  }
}

/** Neither the broker nor the result backend can keep what the whole fleet must know: revocations, keys that are held for a time. */
export class KeysUnsupportedError extends CeleriacError {
  readonly code = "CELERIAC_KEYS_UNSUPPORTED";
  /** `what` cannot be done, as the beginning of a sentence. */
  constructor(what: string) {
    super(`${what}: neither the broker nor the result backend keeps fleet-wide keys.`);
  }
}

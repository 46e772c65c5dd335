/** Base of every options type of an operation that can wait: aborting rejects it with the signal's reason. */
export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

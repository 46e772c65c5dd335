/**
 * Base of every options type of an operation that can wait: aborting rejects it with the signal's reason. Hand it on as it is: a copy would
 * lose a signal that is made when somebody asks for it.
 */
export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

/** A server that tests talk to. */
export interface RunningService {
  readonly url: string;
  /** Ends what was started for the tests; a server that ran before stays. Calling it again is fine. */
  readonly stop: () => Promise<void>;
}

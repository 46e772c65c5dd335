/** Where a thread opens a part of an adapter for itself, with a connection of its own: nothing that is open crosses threads. */
export interface ThreadSource {
  /** URL of a module that the thread imports; whoever names a source says what it exports. */
  readonly module: string;
  /** What the module's function is called with; it is copied to the thread. */
  readonly data: unknown;
}

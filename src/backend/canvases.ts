/** What follows tasks, in parts, so that a message need only name it. */
export interface StoredCanvas {
  readonly id: string;
  /** JSON texts. */
  readonly parts: readonly string[];
  /** How long it is kept, in milliseconds, from its saving or from when a part of it was last loaded; a tenth less is fine. */
  readonly lifeMs: number;
}

/** Keeps what follows tasks. */
export interface StoredCanvases {
  /** Resolves once it survives a restart. Saving the same again is fine. */
  save(canvas: StoredCanvas): Promise<void>;
  /** The parts from one to before another, in their order. Undefined for a canvas that was not saved, or has expired. */
  load(id: string, from: number, to: number): Promise<readonly string[] | undefined>;
}

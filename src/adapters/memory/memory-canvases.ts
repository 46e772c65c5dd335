import type { StoredCanvas, StoredCanvases } from "../../backend/canvases.ts";
import type { ExpiringMap } from "./expiring-map.ts";

export interface MemoryCanvasesOptions {
  readonly canvases: ExpiringMap<StoredCanvas>;
  /** Does work unless the backend is closed. */
  readonly run: <T>(work: () => T) => Promise<T>;
}

export class MemoryCanvases implements StoredCanvases {
  readonly #options: MemoryCanvasesOptions;

  constructor(options: MemoryCanvasesOptions) {
    this.#options = options;
  }

  save({ id, parts, lifeMs }: StoredCanvas): Promise<void> {
    const { canvases, run } = this.#options;
    return run(() => canvases.set(id, { id, parts: [...parts], lifeMs }, lifeMs));
  }

  load(id: string, from: number, to: number): Promise<readonly string[] | undefined> {
    const { canvases, run } = this.#options;
    return run(() => {
      const canvas = canvases.get(id);
      if (canvas !== undefined) canvases.set(id, canvas, canvas.lifeMs);
      return canvas?.parts.slice(from, to);
    });
  }
}

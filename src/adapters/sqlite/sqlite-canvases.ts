import type { StoredCanvas, StoredCanvases } from "../../backend/canvases.ts";
import type { Database } from "./database.ts";

const SAVE = "INSERT OR REPLACE INTO canvases (id, life_ms, expires_at) VALUES (?, ?, ?)";
const SAVE_PART = "INSERT OR REPLACE INTO canvas_parts (canvas, place, part) VALUES (?, ?, ?)";
const FIND = "SELECT life_ms, expires_at FROM canvases WHERE id = ? AND expires_at > ?";
const RENEW = "UPDATE canvases SET expires_at = ? + life_ms WHERE id = ? AND expires_at > ?";
const PARTS = "SELECT part FROM canvas_parts WHERE canvas = ? AND place >= ? AND place < ? ORDER BY place";

/** A canvas that has so much of its life before it is not renewed. */
const YOUNG_SHARE = 0.9;

interface CanvasRow {
  readonly life_ms: number;
  readonly expires_at: number;
}

/** What follows tasks, one row for each part. */
export class SqliteCanvases implements StoredCanvases {
  readonly #database: Database;

  /** The database is disposed by its owner. */
  constructor(database: Database) {
    this.#database = database;
  }

  save({ id, parts, lifeMs }: StoredCanvas): Promise<void> {
    return this.#database.transaction("durable", (sql) => {
      sql(SAVE).run(id, Math.ceil(lifeMs), this.#database.clock.now() + Math.ceil(lifeMs));
      for (const [place, part] of parts.entries()) sql(SAVE_PART).run(id, place, part);
    });
  }

  /** Reads, as a rule: to renew a life that has hardly begun is not worth a write. */
  async load(id: string, from: number, to: number): Promise<readonly string[] | undefined> {
    const now = this.#database.clock.now();
    const found = await this.#database.read((sql) => {
      const canvas = sql<CanvasRow>(FIND).get(id, now);
      const parts = sql<{ readonly part: string }>(PARTS).all(id, from, to);
      return canvas && { ...canvas, parts: parts.map(({ part }) => part) };
    });
    if (found === undefined) return undefined;
    const isYoung = found.expires_at - now > found.life_ms * YOUNG_SHARE;
    if (!isYoung) await this.#database.transaction("relaxed", (sql) => sql(RENEW).run(now, id, now));
    return found.parts;
  }
}

import type { StoredCanvas, StoredCanvases } from "../../backend/canvases.ts";
import { wholeMs } from "../../util/whole-ms.ts";
import type { Queries } from "./connections/pool.ts";

/** A canvas that has so much of its life before it is not renewed: to read costs less than to write. */
const YOUNG_SHARE = 0.9;

interface LoadedRow {
  /** Null in the only row of a canvas that has none of the parts. */
  readonly part: string | null;
  readonly is_young: boolean;
}

/** What follows tasks, one row for each part. */
export class PostgresCanvases implements StoredCanvases {
  readonly #queries: Queries;
  readonly #schema: string;

  constructor(queries: Queries, schema: string) {
    this.#queries = queries;
    this.#schema = schema;
  }

  async save({ id, parts, lifeMs }: StoredCanvas): Promise<void> {
    await this.#queries.query(`SELECT ${this.#schema}.save_canvas($1, $2, $3)`, [id, parts, wholeMs(lifeMs)]);
  }

  async load(id: string, from: number, to: number): Promise<readonly string[] | undefined> {
    const schema = this.#schema;
    const rows = await this.#queries.query<LoadedRow>(
      `SELECT p.part, c.expires_at > ${schema}.later(c.life_ms * ${YOUNG_SHARE}) AS is_young
       FROM ${schema}.canvases c LEFT JOIN ${schema}.canvas_parts p ON p.canvas = c.id AND p.place >= $2 AND p.place < $3
       WHERE c.id = $1 AND c.expires_at > clock_timestamp() ORDER BY p.place`,
      [id, from, to],
    );
    if (rows.length === 0) return undefined;
    if (rows[0]?.is_young === false) {
      await this.#queries.query(
        `UPDATE ${schema}.canvases SET expires_at = ${schema}.later(life_ms) WHERE id = $1 AND expires_at > clock_timestamp()`,
        [id],
      );
    }
    return rows.flatMap(({ part }) => part ?? []);
  }
}

/** The row of a canvas is locked before its parts are touched, by who saves and by who prunes. */
export function canvasFunctions(schema: string): string {
  return `
  CREATE FUNCTION ${schema}.save_canvas(canvas_id text, parts text[], new_life_ms double precision) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO ${schema}.canvases (id, life_ms, expires_at) VALUES (canvas_id, new_life_ms, ${schema}.later(new_life_ms))
      ON CONFLICT (id) DO UPDATE SET life_ms = excluded.life_ms, expires_at = excluded.expires_at;
    INSERT INTO ${schema}.canvas_parts (canvas, place, part)
      SELECT canvas_id, n.place - 1, n.part FROM unnest(parts) WITH ORDINALITY AS n (part, place)
      ON CONFLICT (canvas, place) DO UPDATE SET part = excluded.part;
  END $$;
  `;
}

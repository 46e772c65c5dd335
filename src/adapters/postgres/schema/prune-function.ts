/**
 * Deletes what has expired, so many rows of each kind at most, and says how many of the most frequent kind are gone. Nobody waits for it, and it waits for
 * nobody: it passes over what others hold, and does nothing while another prunes.
 */
export function pruneFunction(schema: string): string {
  const simple = (table: string, key: string): string => `
    DELETE FROM ${schema}.${table} WHERE ${key} IN (
      SELECT t.${key} FROM ${schema}.${table} t WHERE t.expires_at <= moment ORDER BY t.expires_at LIMIT most FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS gone = ROW_COUNT;
    deleted := greatest(deleted, gone);`;
  return `
  CREATE FUNCTION ${schema}.prune(most integer) RETURNS integer LANGUAGE plpgsql AS $$
  DECLARE
    moment timestamptz := clock_timestamp();
    deleted integer := 0;
    gone integer;
    expired text[];
  BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('${schema}.prune', 0)) THEN RETURN 0; END IF;
    ${simple("results", "task_id")}
    ${simple("result_groups", "id")}
    ${simple("claims", "key")}
    ${simple("turns", "key")}
    expired := ARRAY(SELECT c.id FROM ${schema}.chords c WHERE c.expires_at <= moment ORDER BY c.expires_at LIMIT most / 10 FOR UPDATE SKIP LOCKED);
    PERFORM ${schema}.empty_chord(id) FROM unnest(expired) AS id;
    DELETE FROM ${schema}.chords WHERE id = ANY (expired);
    deleted := greatest(deleted, cardinality(expired) * 10);
    expired := ARRAY(SELECT c.id FROM ${schema}.canvases c WHERE c.expires_at <= moment ORDER BY c.expires_at LIMIT most / 10 FOR UPDATE SKIP LOCKED);
    DELETE FROM ${schema}.canvas_parts WHERE canvas = ANY (expired);
    DELETE FROM ${schema}.canvases WHERE id = ANY (expired);
    RETURN greatest(deleted, cardinality(expired) * 10);
  END $$;
  `;
}

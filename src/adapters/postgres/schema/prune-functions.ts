/** What expires; each kind is deleted by a function `prune_…` of its name. */
export const PRUNED: readonly string[] = ["results", "result_groups", "chords", "canvases", "claims", "turns"];

/**
 * Each deletes what has expired of one kind, so many rows of each table at most, and says how many of the most frequent are gone: where that is as many as it
 * may, there are more. Nobody waits for it, and it waits for nobody: it passes over what others hold, and does nothing while another prunes the same.
 */
export function pruneFunctions(schema: string): string {
  const prune = (kind: string, variables: string, body: string): string => `
  CREATE FUNCTION ${schema}.prune_${kind}(most integer) RETURNS integer LANGUAGE plpgsql AS $$
  DECLARE
    moment timestamptz := clock_timestamp();
    ${variables}
  BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('${schema}.prune_${kind}', 0)) THEN RETURN 0; END IF;
    ${body}
  END $$;
  `;
  const simple = (kind: string, key: string): string =>
    prune(
      kind,
      "gone integer;",
      `DELETE FROM ${schema}.${kind} WHERE ${key} = ANY (ARRAY(
      SELECT t.${key} FROM ${schema}.${kind} t WHERE t.expires_at <= moment ORDER BY t.expires_at LIMIT most FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;`,
    );
  // A part belongs to whoever has the lock of what it is of: nothing moves it meanwhile. Looked for one by one, so that the index is used.
  const some = (table: string, owner: string): string => `
    DELETE FROM ${schema}.${table} WHERE ctid = ANY (ARRAY(
      SELECT t.ctid FROM unnest(expired) AS e (id), LATERAL (SELECT p.ctid FROM ${schema}.${table} p WHERE p.${owner} = e.id LIMIT most) AS t LIMIT most
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    deleted := greatest(deleted, gone);`;
  const hasNo = (table: string, owner: string): string =>
    `NOT EXISTS (SELECT 1 FROM ${schema}.${table} t WHERE t.${owner} = o.id)`;
  const variables = `expired text[];
    gone integer;
    deleted integer := 0;`;
  const canvases = `
    expired := ARRAY(SELECT c.id FROM ${schema}.canvases c WHERE c.expires_at <= moment ORDER BY c.expires_at LIMIT most FOR UPDATE SKIP LOCKED);
    ${some("canvas_parts", "canvas")}
    DELETE FROM ${schema}.canvases o WHERE o.id = ANY (expired) AND ${hasNo("canvas_parts", "canvas")};
    RETURN greatest(deleted, cardinality(expired));`;
  const chords = `
    due := ARRAY(SELECT c.id FROM ${schema}.chords c WHERE c.prune_at <= moment ORDER BY c.prune_at LIMIT most FOR UPDATE SKIP LOCKED);
    UPDATE ${schema}.chords SET prune_at = expires_at WHERE id = ANY (due) AND expires_at > moment;
    expired := ARRAY(SELECT c.id FROM ${schema}.chords c WHERE c.id = ANY (due) AND c.expires_at <= moment);
    ${some("chord_parts", "chord")}
    ${some("chord_additions", "chord")}
    DELETE FROM ${schema}.chord_bodies WHERE chord = ANY (expired);
    DELETE FROM ${schema}.chords o WHERE o.id = ANY (expired) AND ${hasNo("chord_parts", "chord")} AND ${hasNo("chord_additions", "chord")};
    RETURN greatest(deleted, cardinality(due));`;
  return [
    simple("results", "task_id"),
    simple("result_groups", "id"),
    simple("claims", "key"),
    simple("turns", "key"),
    prune("canvases", variables, canvases),
    prune("chords", `due text[];\n    ${variables}`, chords),
  ].join("\n");
}

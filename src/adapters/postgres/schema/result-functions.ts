/** Where the ids of new results are notified of. */
export function channelOf(schemaName: string): string {
  return `${schemaName}_results`;
}

/**
 * `store_results` writes rows of different tasks and answers with the places, from 1, of those that were refused: their record is of a later run. The first
 * success stands, as in Celery: `celery/backends/base.py:_store_result`. A row that is not replaced is locked even so, so that what is read of it afterwards
 * is why. All write in one order, so that none waits for another that waits for it. No number of milliseconds is greater than `LONGEST_MS`.
 */
export function resultFunctions(schema: string, channel: string): string {
  return `
  CREATE FUNCTION ${schema}.later(ms double precision) RETURNS timestamptz LANGUAGE sql VOLATILE AS
  $$ SELECT clock_timestamp() + ms * interval '1 millisecond' $$;

  CREATE FUNCTION ${schema}.store_results(
    task_ids text[], states text[], fences bigint[], metas text[], life_ms double precision, news text[]
  ) RETURNS SETOF integer LANGUAGE plpgsql AS $$
  DECLARE
    written integer;
    expiry timestamptz := ${schema}.later(life_ms);
  BEGIN
    INSERT INTO ${schema}.results AS r (task_id, state, fence, expires_at, meta)
      SELECT n.task_id, n.state, n.fence, expiry, n.meta
      FROM unnest(task_ids, states, fences, metas) AS n (task_id, state, fence, meta) ORDER BY n.task_id COLLATE "C"
    ON CONFLICT (task_id) DO UPDATE SET
      state = excluded.state,
      fence = CASE WHEN r.expires_at > clock_timestamp() THEN coalesce(excluded.fence, r.fence) ELSE excluded.fence END,
      stored_at = excluded.stored_at, expires_at = excluded.expires_at, meta = excluded.meta
    WHERE r.expires_at <= clock_timestamp() OR (r.state <> 'SUCCESS' AND (excluded.fence >= r.fence) IS NOT FALSE);
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written > 0 THEN PERFORM pg_notify('${channel}', n) FROM unnest(news) AS n; END IF;
    IF written < cardinality(task_ids) THEN
      RETURN QUERY SELECT n.place::integer
        FROM unnest(task_ids, fences) WITH ORDINALITY AS n (task_id, fence, place) JOIN ${schema}.results r USING (task_id)
        WHERE n.fence < r.fence;
    END IF;
  END $$;
  `;
}

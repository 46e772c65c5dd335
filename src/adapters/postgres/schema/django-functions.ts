import { TASK_RESULTS } from "../django/django-tables.ts";

/** The most characters that Django's columns take; ids have no more either. */
const LONGEST_NAME = 255;
const LONGEST_WORKER = 100;
const LONGEST_STATE = 50;

/**
 * As `store_results`, and what is stored by it is written to Django's table too, in the same transaction: the rows are locked until its end, so that both
 * tables tell the same. What Django's columns cannot hold is cut, but for ids: without its whole id nobody would find a result.
 */
export function djangoFunctions(schema: string): string {
  return `
  CREATE FUNCTION ${schema}.store_results_for_django(
    task_ids text[], states text[], fences bigint[], metas text[], life_ms double precision, news text[], django_schema text,
    results text[], tracebacks text[], extras text[], names text[], args text[], kwargs text[], workers text[]
  ) RETURNS SETOF integer LANGUAGE plpgsql AS $$
  BEGIN
    RETURN QUERY SELECT ${schema}.store_results(task_ids, states, fences, metas, life_ms, news);
    EXECUTE format(
      'INSERT INTO %I.${TASK_RESULTS} AS d (
         task_id, status, content_type, content_encoding, result, traceback, meta, task_name, task_args, task_kwargs, worker,
         date_created, date_started, date_done)
       SELECT n.task_id, left(n.state, ${LONGEST_STATE}), ''application/json'', ''utf-8'', n.result, n.traceback, n.extra,
         left(n.name, ${LONGEST_NAME}), n.args, n.kwargs, left(n.worker, ${LONGEST_WORKER}),
         clock_timestamp(), CASE n.state WHEN ''STARTED'' THEN clock_timestamp() END, clock_timestamp()
       FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         AS n (task_id, state, document, result, traceback, extra, name, args, kwargs, worker)
       JOIN ${schema}.results r ON r.task_id = n.task_id AND r.meta = n.document
       WHERE length(n.task_id) <= ${LONGEST_NAME} ORDER BY n.task_id COLLATE "C"
       ON CONFLICT (task_id) DO UPDATE SET status = excluded.status, content_type = excluded.content_type,
         content_encoding = excluded.content_encoding, result = excluded.result, traceback = excluded.traceback, meta = excluded.meta,
         task_name = coalesce(excluded.task_name, d.task_name), task_args = coalesce(excluded.task_args, d.task_args),
         task_kwargs = coalesce(excluded.task_kwargs, d.task_kwargs), worker = coalesce(excluded.worker, d.worker),
         date_started = coalesce(excluded.date_started, d.date_started), date_done = excluded.date_done',
      django_schema
    ) USING task_ids, states, metas, results, tracebacks, extras, names, args, kwargs, workers;
  END $$;
  `;
}

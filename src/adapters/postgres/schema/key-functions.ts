/** Claims and turns, by the server's clock. Rows are locked in the order of their keys. */
export function keyFunctions(schema: string): string {
  return `
  -- Answers with the places, from 1, of the claims that were made. Of several for one key the first comes first.
  CREATE FUNCTION ${schema}.claim_keys(keys text[], owners text[], vals text[], lives_ms double precision[])
  RETURNS SETOF integer LANGUAGE plpgsql AS $$
  DECLARE
    i integer;
  BEGIN
    FOR i IN SELECT n.place FROM unnest(keys) WITH ORDINALITY AS n (key, place) ORDER BY n.key COLLATE "C", n.place LOOP
      INSERT INTO ${schema}.claims AS c (key, owner, value, expires_at) VALUES (keys[i], owners[i], vals[i], ${schema}.later(lives_ms[i]))
      ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, value = excluded.value, expires_at = excluded.expires_at
      WHERE c.owner = excluded.owner OR c.expires_at <= clock_timestamp();
      IF FOUND THEN RETURN NEXT i; END IF;
    END LOOP;
  END $$;

  -- The places, from 1, of those that were held.
  CREATE FUNCTION ${schema}.renew_claims(keys text[], owners text[], life_ms double precision) RETURNS SETOF integer LANGUAGE plpgsql AS $$
  DECLARE
    i integer;
  BEGIN
    FOR i IN SELECT n.place FROM unnest(keys) WITH ORDINALITY AS n (key, place) ORDER BY n.key COLLATE "C" LOOP
      UPDATE ${schema}.claims SET expires_at = ${schema}.later(life_ms) WHERE key = keys[i] AND owner = owners[i] AND expires_at > clock_timestamp();
      IF FOUND THEN RETURN NEXT i; END IF;
    END LOOP;
  END $$;

  -- As \`turnAfter\` of broker/turns.ts.
  CREATE FUNCTION ${schema}.take_turn(turn_key text, every_ms double precision, within_ms double precision)
  RETURNS TABLE (is_taken boolean, in_ms double precision) LANGUAGE plpgsql AS $$
  DECLARE
    last timestamptz;
    moment timestamptz;
  BEGIN
    LOOP
      SELECT turn_at INTO last FROM ${schema}.turns WHERE key = turn_key FOR UPDATE;
      EXIT WHEN FOUND;
      INSERT INTO ${schema}.turns (key, turn_at, expires_at) VALUES (turn_key, '-infinity', ${schema}.later(every_ms)) ON CONFLICT DO NOTHING;
    END LOOP;
    moment := clock_timestamp();
    in_ms := CASE WHEN last = '-infinity' THEN 0
      ELSE greatest(0, least(extract(epoch FROM last - moment) * 1000 + every_ms, within_ms + every_ms)) END;
    is_taken := in_ms <= within_ms;
    IF is_taken THEN
      UPDATE ${schema}.turns SET turn_at = moment + in_ms * interval '1 millisecond', expires_at = ${schema}.later(in_ms + every_ms)
        WHERE key = turn_key;
    END IF;
    RETURN NEXT;
  END $$;
  `;
}

/**
 * What is done to a chord is done while its row is locked, which comes first: `lock_chord` makes one where there is none, and empties one that has expired. All
 * that stands beside it belongs to whoever has the lock.
 */
export function chordFunctions(schema: string): string {
  return `
  CREATE FUNCTION ${schema}.empty_chord(chord_id text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    DELETE FROM ${schema}.chord_parts WHERE chord = chord_id;
    DELETE FROM ${schema}.chord_additions WHERE chord = chord_id;
    DELETE FROM ${schema}.chord_bodies WHERE chord = chord_id;
  END $$;

  CREATE FUNCTION ${schema}.lock_chord(chord_id text, default_life_ms double precision) RETURNS ${schema}.chords LANGUAGE plpgsql AS $$
  DECLARE
    c ${schema}.chords;
  BEGIN
    LOOP
      SELECT * INTO c FROM ${schema}.chords WHERE id = chord_id FOR UPDATE;
      EXIT WHEN FOUND;
      INSERT INTO ${schema}.chords (id, expires_at, prune_at)
        VALUES (chord_id, ${schema}.later(default_life_ms), ${schema}.later(default_life_ms)) ON CONFLICT DO NOTHING;
    END LOOP;
    IF c.expires_at <= clock_timestamp() THEN
      PERFORM ${schema}.empty_chord(chord_id);
      UPDATE ${schema}.chords SET size = NULL, joined = 0, added = 0, claim = NULL, claimed_until = NULL, is_over = false,
        life_ms = NULL, deadline_ms = NULL, look_at = NULL, expires_at = ${schema}.later(default_life_ms)
        WHERE id = chord_id RETURNING * INTO c;
    END IF;
    RETURN c;
  END $$;

  CREATE FUNCTION ${schema}.set_chord_deadline(
    chord_id text, new_life_ms double precision, new_deadline_ms double precision, root text, signature text
  ) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE ${schema}.chords SET life_ms = new_life_ms, deadline_ms = new_deadline_ms,
      look_at = ${schema}.later(new_deadline_ms), expires_at = ${schema}.later(new_life_ms), prune_at = ${schema}.later(new_life_ms)
      WHERE id = chord_id;
    DELETE FROM ${schema}.chord_bodies WHERE chord = chord_id;
    IF signature IS NOT NULL THEN
      INSERT INTO ${schema}.chord_bodies (chord, root_id, body) VALUES (chord_id, root, signature);
    END IF;
  END $$;

  CREATE FUNCTION ${schema}.begin_chord(
    chord_id text, members integer, new_life_ms double precision, new_deadline_ms double precision, root text, signature text
  ) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM ${schema}.lock_chord(chord_id, new_life_ms);
    UPDATE ${schema}.chords SET size = members, claim = NULL, claimed_until = NULL, is_over = false WHERE id = chord_id;
    PERFORM ${schema}.set_chord_deadline(chord_id, new_life_ms, new_deadline_ms, root, signature);
  END $$;

  CREATE FUNCTION ${schema}.watch_chord(
    chord_id text, new_life_ms double precision, new_deadline_ms double precision, root text, signature text
  ) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    c ${schema}.chords;
  BEGIN
    c := ${schema}.lock_chord(chord_id, new_life_ms);
    IF c.is_over OR c.life_ms IS NOT NULL THEN RETURN; END IF;
    PERFORM ${schema}.set_chord_deadline(chord_id, new_life_ms, new_deadline_ms, root, signature);
  END $$;

  CREATE FUNCTION ${schema}.grow_chord(chord_id text, task_ids text[], default_life_ms double precision) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    c ${schema}.chords;
    more integer;
  BEGIN
    c := ${schema}.lock_chord(chord_id, default_life_ms);
    IF c.is_over THEN RETURN; END IF;
    INSERT INTO ${schema}.chord_additions (chord, task_id) SELECT chord_id, t FROM unnest(task_ids) AS t ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS more = ROW_COUNT;
    UPDATE ${schema}.chords SET added = added + more, expires_at = ${schema}.later(coalesce(c.life_ms, default_life_ms)) WHERE id = chord_id;
  END $$;

  -- For each member how the chord stands after it, and for one that completes it as many rows as there are parts, in the header's order.
  CREATE FUNCTION ${schema}.join_chord(
    chord_id text, places bigint[], task_ids text[], names text[], parts text[], default_life_ms double precision, claim_ms double precision
  ) RETURNS TABLE (member integer, standing text, member_part text) LANGUAGE plpgsql AS $$
  DECLARE
    c ${schema}.chords;
  BEGIN
    c := ${schema}.lock_chord(chord_id, default_life_ms);
    member_part := NULL;
    FOR i IN 1 .. cardinality(task_ids) LOOP
      member := i;
      IF c.is_over THEN
        standing := 'over';
        RETURN NEXT;
        CONTINUE;
      END IF;
      INSERT INTO ${schema}.chord_parts (chord, place, task_id, part) VALUES (chord_id, places[i], task_ids[i], parts[i]) ON CONFLICT DO NOTHING;
      IF FOUND THEN c.joined := c.joined + 1; END IF;
      IF c.size IS NULL OR c.joined < c.size + c.added THEN
        standing := CASE WHEN c.life_ms IS NULL THEN 'unwatched' ELSE 'waiting' END;
        RETURN NEXT;
      ELSIF c.claim <> names[i] AND c.claimed_until > clock_timestamp() THEN
        standing := 'claimed';
        RETURN NEXT;
      ELSE
        c.claim := names[i];
        c.claimed_until := ${schema}.later(claim_ms);
        RETURN QUERY SELECT i, 'complete'::text, p.part FROM ${schema}.chord_parts p WHERE p.chord = chord_id ORDER BY p.place, p.task_id;
      END IF;
    END LOOP;
    IF NOT c.is_over THEN
      UPDATE ${schema}.chords SET joined = c.joined, claim = c.claim, claimed_until = c.claimed_until,
        expires_at = ${schema}.later(coalesce(c.life_ms, default_life_ms)) WHERE id = chord_id;
    END IF;
  END $$;

  -- Each of those that are taken is claimed by one of the given names, in their order.
  CREATE FUNCTION ${schema}.take_overdue_chords(names text[], claim_ms double precision, few integer)
  RETURNS TABLE (name_place integer, chord_id text, members integer, came integer, who text[], waited_ms double precision, root text, signature text)
  LANGUAGE plpgsql AS $$
  DECLARE
    c record;
    taken integer := 0;
    is_any boolean := true;
    looked_at timestamptz := clock_timestamp();
  BEGIN
    WHILE is_any AND taken < cardinality(names) LOOP
      is_any := false;
      FOR c IN
        SELECT h.*, h.expires_at - (h.life_ms - h.deadline_ms) * interval '1 millisecond' AS due_at, b.root_id, b.body
        FROM ${schema}.chords h JOIN ${schema}.chord_bodies b ON b.chord = h.id
        WHERE h.look_at <= looked_at AND h.size IS NOT NULL ORDER BY h.look_at LIMIT cardinality(names) - taken FOR UPDATE OF h SKIP LOCKED
      LOOP
        is_any := true;
        IF c.due_at > looked_at THEN
          UPDATE ${schema}.chords SET look_at = c.due_at WHERE id = c.id;
        ELSIF c.claim IS NOT NULL AND c.claimed_until > looked_at THEN
          UPDATE ${schema}.chords SET look_at = c.claimed_until WHERE id = c.id;
        ELSE
          taken := taken + 1;
          UPDATE ${schema}.chords SET claim = names[taken], claimed_until = ${schema}.later(claim_ms), look_at = ${schema}.later(claim_ms) WHERE id = c.id;
          name_place := taken;
          chord_id := c.id;
          members := c.size + c.added;
          came := c.joined;
          who := ARRAY(SELECT p.task_id FROM ${schema}.chord_parts p WHERE p.chord = c.id AND c.joined <= few ORDER BY p.place, p.task_id);
          waited_ms := c.deadline_ms;
          root := c.root_id;
          signature := c.body;
          RETURN NEXT;
        END IF;
      END LOOP;
    END LOOP;
  END $$;

  CREATE FUNCTION ${schema}.end_chord(chord_id text, name text, over_ms double precision) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    c ${schema}.chords;
  BEGIN
    SELECT * INTO c FROM ${schema}.chords WHERE id = chord_id FOR UPDATE;
    IF NOT FOUND OR c.is_over OR (c.claim <> name AND c.claimed_until > clock_timestamp()) THEN RETURN; END IF;
    PERFORM ${schema}.empty_chord(chord_id);
    UPDATE ${schema}.chords SET is_over = true, joined = 0, added = 0, life_ms = NULL, look_at = NULL,
      expires_at = ${schema}.later(over_ms), prune_at = ${schema}.later(over_ms) WHERE id = chord_id;
  END $$;
  `;
}

/**
 * All tables of a schema. Texts that are looked up are compared byte by byte (COLLATE "C"). Nobody reads what has expired; `prune_…` makes room, and
 * finds it by the indexes `…_expiring`. What changes often is in none, and its pages have room: such a row is changed without a change of any index.
 */
export function tables(schema: string): string {
  return `
  CREATE TABLE ${schema}.results (
    task_id text COLLATE "C" PRIMARY KEY,
    state text NOT NULL,
    fence bigint,            -- of the latest run that stored it with one
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    meta text NOT NULL       -- Celery's result document, JSON as Celery writes it: Python's NaN is in it, which Postgres' own json refuses
  );
  CREATE INDEX results_expiring ON ${schema}.results (expires_at);

  CREATE TABLE ${schema}.result_groups (
    id text COLLATE "C" PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    record text NOT NULL     -- Celery's group record, JSON
  );
  CREATE INDEX result_groups_expiring ON ${schema}.result_groups (expires_at);

  CREATE TABLE ${schema}.chords (
    id text COLLATE "C" PRIMARY KEY,
    size integer,            -- null until it is known
    joined integer NOT NULL DEFAULT 0,
    added integer NOT NULL DEFAULT 0,  -- how many came to the header later
    claim text,              -- the place of the member that is about to send the body
    claimed_until timestamptz,
    is_over boolean NOT NULL DEFAULT false,
    life_ms bigint,          -- from its begin or the last who came to expires_at; null where nobody has said what its deadline is
    deadline_ms bigint,      -- for how long nobody may come; null for none
    look_at timestamptz,     -- not overdue before; null for a chord that will not be. Left alone when a member comes
    expires_at timestamptz NOT NULL,
    prune_at timestamptz NOT NULL  -- not expired before. Left alone when a member comes
  ) WITH (fillfactor = 50);
  CREATE INDEX chords_expiring ON ${schema}.chords (prune_at);
  CREATE INDEX chords_watched ON ${schema}.chords (look_at) WHERE look_at IS NOT NULL;
  CREATE TABLE ${schema}.chord_parts (
    chord text COLLATE "C" NOT NULL,
    place bigint NOT NULL,   -- in the header; 9007199254740991 for a member without one
    task_id text COLLATE "C" NOT NULL,
    part text NOT NULL,
    PRIMARY KEY (chord, place, task_id)
  );
  CREATE TABLE ${schema}.chord_additions (
    chord text COLLATE "C" NOT NULL, task_id text COLLATE "C" NOT NULL, PRIMARY KEY (chord, task_id)
  );
  CREATE TABLE ${schema}.chord_bodies (chord text COLLATE "C" PRIMARY KEY, root_id text, body text NOT NULL);

  CREATE TABLE ${schema}.canvases (
    id text COLLATE "C" PRIMARY KEY, life_ms bigint NOT NULL, expires_at timestamptz NOT NULL
  );
  CREATE INDEX canvases_expiring ON ${schema}.canvases (expires_at);
  CREATE TABLE ${schema}.canvas_parts (
    canvas text COLLATE "C" NOT NULL, place integer NOT NULL, part text NOT NULL, PRIMARY KEY (canvas, place)
  );

  CREATE TABLE ${schema}.claims (
    key text COLLATE "C" PRIMARY KEY, owner text NOT NULL, value text, expires_at timestamptz NOT NULL
  );
  CREATE INDEX claims_expiring ON ${schema}.claims (expires_at);
  CREATE TABLE ${schema}.turns (
    key text COLLATE "C" PRIMARY KEY,
    turn_at timestamptz NOT NULL,  -- the latest that was taken
    expires_at timestamptz NOT NULL
  );
  CREATE INDEX turns_expiring ON ${schema}.turns (expires_at);
  `;
}

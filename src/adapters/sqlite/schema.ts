import type { Connection } from "./driver.ts";

/** `PRAGMA application_id` of our files: "CELR". */
const APPLICATION_ID = 0x43454c52;

/** A file that is not ours to use. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/**
 * A message's `state`. All take one byte, `due_at` always six and `fence` eight, so that most changes of state keep a row's size: SQLite then
 * writes only the pages that changed, and not a large body's. A ready message's `due_at` is its `since`, unless its lease ran out: then it is
 * when.
 */
export const READY = 2;
/** Handed out; `due_at` is when the lease ends. */
export const LEASED = 3;
/** Not to be handed out before `due_at`. */
export const DELAYED = 4;

/**
 * A message's `key_state`: null for one without a unique key, else until when it holds its key, plus `KEY_FREED` once it no longer does.
 * So the key goes with the row, whatever deletes it, and a dead letter still knows what it held.
 */
export const UNTIL_START = 0;
export const UNTIL_END = 1;
export const KEY_FREED = 2;

/** Step n leads from version n to n + 1 (`PRAGMA user_version`). Steps are never changed once released. All times are in ms since the epoch. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE exchanges (name TEXT PRIMARY KEY, type TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE bindings (
    exchange TEXT NOT NULL, queue TEXT NOT NULL, routing_key TEXT NOT NULL, PRIMARY KEY (exchange, queue, routing_key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX bindings_of_queue ON bindings (queue);

  CREATE TABLE queues (
    name TEXT PRIMARY KEY,
    expires_ms INTEGER,  -- how long it lives without a consumer
    expires_at INTEGER   -- when that will be over
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX queues_expiring ON queues (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE consumers (
    consumer TEXT NOT NULL, queue TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (consumer, queue)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX consumers_of_queue ON consumers (queue, expires_at);

  CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: receipts hold it
    state INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,  -- a receipt is held while it has this number; hand-outs and settlements raise it
    queue TEXT NOT NULL,
    rank INTEGER NOT NULL,  -- the priority below zero: the lowest is served first
    since INTEGER NOT NULL, -- when it was or will be first ready: its place in its rank, which it keeps when it comes back
    reason TEXT,
    head TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX messages_ready ON messages (queue, rank, since) WHERE state = ${READY};
  CREATE INDEX messages_held ON messages (queue, due_at, state) WHERE state IN (${LEASED}, ${DELAYED});
  CREATE INDEX messages_dead ON messages (due_at) WHERE state = 5;

  CREATE TABLE broadcasts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- listeners keep it as their place
    sent_at INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    head TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;

  CREATE TABLE results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- a new one with every change: watchers keep it as their place
    task_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    meta TEXT NOT NULL
  ) STRICT;
  CREATE INDEX results_expiring ON results (expires_at);

  CREATE TABLE claims (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, value TEXT, expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claims_expiring ON claims (expires_at);
  `,
  `
  ALTER TABLE messages ADD COLUMN unique_key TEXT;
  ALTER TABLE messages ADD COLUMN key_state INTEGER;
  ALTER TABLE messages ADD COLUMN history TEXT;  -- JSON: what happened at its deliveries; null when nothing did
  CREATE INDEX messages_unique ON messages (unique_key) WHERE key_state < ${KEY_FREED};

  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order of dying; a message that dies again gets a new one
    queue TEXT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    died_at INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    unique_key TEXT,
    key_state INTEGER,
    history TEXT,
    head TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  -- Each filter has an index that lists in the order of ids.
  CREATE INDEX dead_letters_of_code ON dead_letters (code);
  CREATE INDEX dead_letters_of_queue ON dead_letters (queue);
  CREATE INDEX dead_letters_of_queue_and_code ON dead_letters (queue, code);
  INSERT INTO dead_letters (queue, code, detail, died_at, deliveries, fence, rank, head, body)
    SELECT queue,
      iif(json_valid(reason), coalesce(reason ->> '$.code', 'unreadable'), 'unreadable'),
      iif(json_valid(reason), coalesce(reason ->> '$.detail', ''), coalesce(reason, '')),
      due_at, deliveries, fence, rank, head, body
    FROM messages WHERE state = 5 ORDER BY due_at, id;
  DELETE FROM messages WHERE state = 5;
  DROP INDEX messages_dead;
  ALTER TABLE messages DROP COLUMN reason;
  UPDATE messages SET due_at = since WHERE state = ${READY} AND due_at <> since;

  ALTER TABLE results ADD COLUMN fence INTEGER;  -- of the latest run that stored it with one
  `,
  `
  CREATE TABLE fences (last INTEGER NOT NULL) STRICT;  -- one row: the fence of the latest hand-out
  INSERT INTO fences VALUES (0);
  `,
  `
  CREATE TABLE result_groups (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
  CREATE INDEX result_groups_expiring ON result_groups (expires_at);

  CREATE TABLE chords (
    id TEXT PRIMARY KEY,
    size INTEGER,           -- null until it is known
    joined INTEGER NOT NULL DEFAULT 0,
    claim TEXT,             -- the place of the member that is about to send the body
    claimed_until INTEGER,
    is_over INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX chords_expiring ON chords (expires_at);
  CREATE TABLE chord_parts (
    chord TEXT NOT NULL,
    place INTEGER NOT NULL, -- in the header; 9007199254740991 for a member without one
    task_id TEXT NOT NULL,
    part TEXT NOT NULL,
    UNIQUE (chord, place, task_id)
  ) STRICT;
  `,
  `
  ALTER TABLE chords ADD COLUMN added INTEGER NOT NULL DEFAULT 0;  -- how many came to the header later
  ALTER TABLE chords ADD COLUMN life_ms INTEGER;      -- from its begin or the last who came to expires_at; null where nobody has said what its deadline is
  ALTER TABLE chords ADD COLUMN deadline_ms INTEGER;  -- for how long nobody may come; null for none
  ALTER TABLE chords ADD COLUMN look_at INTEGER;      -- not overdue before; null for a chord that will not be. Left alone when a member comes
  CREATE INDEX chords_watched ON chords (look_at) WHERE look_at IS NOT NULL;
  CREATE TABLE chord_bodies (chord TEXT PRIMARY KEY, root_id TEXT, body TEXT NOT NULL) STRICT;  -- what fails when a chord is overdue
  CREATE TABLE chord_additions (chord TEXT NOT NULL, task_id TEXT NOT NULL, UNIQUE (chord, task_id)) STRICT;
  `,
  `
  CREATE TABLE canvases (id TEXT PRIMARY KEY, life_ms INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX canvases_expiring ON canvases (expires_at);
  CREATE TABLE canvas_parts (canvas TEXT NOT NULL, place INTEGER NOT NULL, part TEXT NOT NULL, UNIQUE (canvas, place)) STRICT;
  `,
];

/** Brings the file to our version, however many processes try at once. Throws SchemaError for a file that is not ours, or newer than we are. */
export function migrate(connection: Connection): void {
  if (checkedVersion(connection) === MIGRATIONS.length) return;
  connection.exec("BEGIN IMMEDIATE");
  try {
    // Looked at again under the lock: another process may have been quicker.
    for (const step of MIGRATIONS.slice(checkedVersion(connection))) connection.exec(step);
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
  } catch (error) {
    connection.exec("ROLLBACK");
    throw error;
  }
}

function checkedVersion(connection: Connection): number {
  const facts = connection
    .prepare(
      `SELECT (SELECT application_id FROM pragma_application_id) AS application,
              (SELECT user_version FROM pragma_user_version) AS version,
              (SELECT count(*) FROM sqlite_schema) AS tables`,
    )
    .get() as { readonly application: number; readonly version: number; readonly tables: number };
  if (facts.application !== APPLICATION_ID) {
    if (facts.tables === 0) return 0;
    throw new SchemaError("the file is another program's database. Give Celeriac a file of its own.");
  }
  if (facts.version > MIGRATIONS.length) {
    throw new SchemaError(
      `the file was written by a newer Celeriac (its schema is ${facts.version}, this one knows ${MIGRATIONS.length}). Update this one.`,
    );
  }
  return facts.version;
}

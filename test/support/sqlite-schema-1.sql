-- A file of schema version 1, as the first step of src/adapters/sqlite/schema.ts makes it.
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
CREATE INDEX messages_ready ON messages (queue, rank, since) WHERE state = 2;
CREATE INDEX messages_held ON messages (queue, due_at, state) WHERE state IN (3, 4);
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
PRAGMA application_id = 0x43454c52;
PRAGMA user_version = 1;

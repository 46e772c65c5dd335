import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Celeriac } from "celeriac";
import { databaseAt, Transaction } from "./database/index.ts";
import { readSettings } from "./settings.ts";
import { UploadStore } from "./uploads/index.ts";

const settings = readSettings();
mkdirSync(settings.dataDir, { recursive: true });

export const database = databaseAt(settings.databaseUrl);
export const uploads = new UploadStore(join(settings.dataDir, "uploads"));

/** Every task has a transaction as `ctx.db`: committed when the task returns, rolled back when it throws. */
export const app = new Celeriac({
  name: "test-results",
  broker: settings.celeriacUrl,
  resultBackend: settings.celeriacUrl,
  taskTrackStarted: true,
  include: ["boot.ts", "tasks/*.ts"].map((glob) => join(import.meta.dirname, glob)),
})
  .resource("db", {
    acquire: () => new Transaction(database),
    commit: (db) => db.commit(),
    rollback: (db) => db.rollback(),
    release: (db) => db.release(),
  })
  .resource("uploads", { acquire: () => uploads });

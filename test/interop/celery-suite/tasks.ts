import type { Celeriac } from "celeriac";
import type { Redis } from "ioredis";
import { defineFailures } from "./tasks/errors.ts";
import { defineNotes } from "./tasks/notes.ts";
import { defineReplacing } from "./tasks/replacing.ts";
import { defineRequests } from "./tasks/requests.ts";
import { defineRetries } from "./tasks/retries.ts";
import { defineSending } from "./tasks/sending.ts";
import { defineValues } from "./tasks/values.ts";

/** The tasks of Celery's `t/integration/tasks.py`, under their names. `redis` is the tests' own. */
export function defineSuiteTasks(app: Celeriac, redis: Redis): void {
  app.task("celery.ping", () => "pong");
  defineValues(app);
  defineFailures(app);
  defineRequests(app);
  defineRetries(app);
  defineNotes(app, redis);
  defineReplacing(app, redis);
  defineSending(app);
}

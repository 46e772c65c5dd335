import { database } from "./app.ts";
import { waitForDatabase } from "./database/index.ts";

// A worker imports this before it takes any task. When the database stays away, the worker does not start.
await waitForDatabase(database);

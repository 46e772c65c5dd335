import { afterAll } from "vitest";
import { postgres, type PostgresAdapter } from "celeriac/postgres";
import { postgresPlace, type PostgresPlace } from "./postgres-places.ts";

const places: PostgresPlace[] = [];

// A hook of the test file that imports this.
afterAll(async () => {
  for (const place of places.splice(0)) await place[Symbol.asyncDispose]();
});

/** A place that nobody else has, dropped when the tests of the file are through. */
export function ownPlaceInPostgres(): PostgresAdapter {
  const place = postgresPlace();
  places.push(place);
  return postgres(place);
}

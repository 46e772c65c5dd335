import { expect, it } from "vitest";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import { sqlite } from "../../src/adapters/sqlite/index.ts";
import type { ResultBackend } from "../../src/backend/result-backend.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import { eventually } from "../support/eventually.ts";
import { sqliteFile } from "../support/sqlite-file.ts";

const HOUR_MS = 3_600_000;

it("a file of an older version keeps canvases, and what it kept", async () => {
  await using file = await sqliteFile();
  const clock = new FakeClock();
  const group = { id: "g", parent: null, members: [] };
  {
    await using before = open(file.path, clock);
    await before.groups.save(group);
  }
  const connection = loadDriver().open(file.path);
  connection.exec("DROP TABLE canvases; DROP TABLE canvas_parts; PRAGMA user_version = 5");
  connection.close();
  await using backend = open(file.path, clock);
  await backend.canvases.save({ id: "c", parts: ["1", "2"], lifeMs: HOUR_MS });
  expect(await backend.canvases.load("c", 1, 2)).toEqual(["2"]);
  expect(await backend.groups.restore("g")).toEqual(group);
});

it("expired canvases leave no rows behind, others stay whole", async () => {
  await using file = await sqliteFile();
  const clock = new FakeClock();
  await using backend = open(file.path, clock);
  const parts = Array.from({ length: 2_500 }, (_, index) => String(index));
  await backend.canvases.save({ id: "large", parts, lifeMs: HOUR_MS });
  await backend.canvases.save({ id: "small", parts: ["1"], lifeMs: HOUR_MS });
  await backend.canvases.save({ id: "long", parts: ["1", "2"], lifeMs: 100 * HOUR_MS });
  const connection = loadDriver().open(file.path);
  const rows = (): unknown =>
    ["canvases", "canvas_parts"].map(
      (table) => (connection.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { readonly n: number }).n,
    );
  expect(rows()).toEqual([3, 2_503]);
  await clock.advance(HOUR_MS);
  await eventually(async () => {
    await clock.advance(60_000);
    expect(rows()).toEqual([1, 2]);
  });
  connection.close();
});

function open(path: string, clock: FakeClock): ResultBackend {
  const backend = sqlite({ path }).createResultBackend?.({ clock, log, resultExpiresMs: 100 * HOUR_MS });
  if (backend === undefined) throw new Error("SQLite keeps results.");
  return backend;
}

/** Claims a message as soon as it can, and prints when it had it. What is not polled is not sooner seen: this takes a whole core. */
import { writeSync } from "node:fs";
import { loadDriver } from "../../src/adapters/sqlite/driver.ts";
import { claimSome } from "./raw-sqlite.ts";

const connection = loadDriver().open(process.env["BENCH_DATABASE"] ?? "");
connection.exec("PRAGMA busy_timeout = 10000; PRAGMA synchronous = NORMAL");
const version = connection.prepare("PRAGMA data_version");
const seenVersion = (): number => (version.get() as { readonly data_version: number }).data_version;
const claim = claimSome(connection);

let seen = seenVersion();
writeSync(1, "ready\n");
for (;;) {
  const now = seenVersion();
  if (now === seen) continue;
  seen = now;
  if (claim(1).length > 0) writeSync(1, `${String(process.hrtime.bigint())}\n`);
}

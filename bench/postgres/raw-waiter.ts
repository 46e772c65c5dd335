/** Reads the row of each id that it is notified of, and prints by the monotonic clock when it has it. */
import { writeSync } from "node:fs";
import pg from "pg";
import { CHANNEL } from "./raw-pg.ts";

const connectionString = process.env["BENCH_PLACE"] ?? "";
const [listener, reader] = [new pg.Client({ connectionString }), new pg.Client({ connectionString })];
await Promise.all([listener.connect(), reader.connect()]);
listener.on("notification", ({ payload = "" }) => {
  const select = { name: "select", text: "SELECT meta FROM celeriac.results WHERE task_id = $1", values: [payload] };
  void reader.query(select).then(() => writeSync(1, `${process.hrtime.bigint()}\n`));
});
await listener.query(`LISTEN ${CHANNEL}`);
writeSync(1, "ready\n");

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  databaseAt,
  inTransaction,
  Transaction,
  waitForDatabase,
  type Database,
} from "../../../../examples/test-results/database/index.ts";
import { addFile, findFile, markFailed } from "../../../../examples/test-results/database/files.ts";

/** A result without its run: refused at the commit. */
const ORPHAN = { run_id: "none", position: 0, suite: "", class_name: "", name: "", outcome: "passed", duration_ms: 0 };

let directory: string;
let database: Database;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "celeriac-"));
  database = databaseAt(`sqlite:${join(directory, "results.db")}`);
  await waitForDatabase(database);
});

afterEach(async () => {
  await database.close();
  await rm(directory, { recursive: true });
});

describe("a transaction", () => {
  it("keeps what was done when it returns, and nothing when it throws", async () => {
    await inTransaction(database, (db) => addFile(db, file("kept")));
    const failing = inTransaction(database, async (db) => {
      await addFile(db, file("lost"));
      throw new Error("after the write");
    });
    await expect(failing).rejects.toThrow("after the write");
    expect(await stateOf("kept")).toBe("pending");
    expect(await stateOf("lost")).toBeUndefined();
  });

  it("has what must survive done after a rollback", async () => {
    await inTransaction(database, (db) => addFile(db, file("f")));
    const failing = inTransaction(database, async (db) => {
      await addFile(db, file("lost"));
      db.onRollback((after) => markFailed(after, "f", "broken"));
      throw new Error("broken");
    });
    await expect(failing).rejects.toThrow("broken");
    expect([await stateOf("f"), await stateOf("lost")]).toEqual(["failed", undefined]);
  });

  it("does not do it after a commit", async () => {
    await inTransaction(database, async (db) => {
      await addFile(db, file("f"));
      db.onRollback((after) => markFailed(after, "f", "broken"));
    });
    expect(await stateOf("f")).toBe("pending");
  });

  it("has what cannot be taken back done after a commit, and not before", async () => {
    const seen: unknown[] = [];
    await inTransaction(database, async (db) => {
      await addFile(db, file("f"));
      db.onCommit(async () => void seen.push(await stateOf("f")));
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual(["pending"]);
  });

  it("does not do it when it is rolled back, nor when its commit fails", async () => {
    const done = vi.fn(() => Promise.resolve());
    const works = [() => Promise.reject(new Error("broken")), (db: Transaction) => db.insert("results", [ORPHAN])];
    for (const work of works) {
      const failing = inTransaction(database, async (db) => {
        await addFile(db, file("lost"));
        db.onCommit(done);
        await work(db);
      });
      await expect(failing).rejects.toThrow(/broken|FOREIGN KEY/i);
    }
    expect(done).not.toHaveBeenCalled();
    expect(await stateOf("lost")).toBeUndefined();
  });

  it("stays committed when what comes after fails", async () => {
    const committed = inTransaction(database, async (db) => {
      await addFile(db, file("f"));
      db.onRollback((after) => markFailed(after, "f", "broken"));
      db.onCommit(() => Promise.reject(new Error("too late")));
    });
    await expect(committed).rejects.toThrow("too late");
    expect(await stateOf("f")).toBe("pending");
  });

  it("is rolled back when its commit fails, and the next one works", async () => {
    await expect(inTransaction(database, (db) => db.insert("results", [ORPHAN]))).rejects.toThrow(/FOREIGN KEY/i);
    const [left] = await inTransaction(database, (db) => db.sql<{ n: number }>`SELECT count(*) AS n FROM results`);
    expect(left?.n).toBe(0);
  });

  it("costs no connection when it does nothing", async () => {
    const never: Database = {
      placeholder: () => "?",
      begin: () => Promise.reject(new Error("begun")),
      close: async () => {},
    };
    const db = new Transaction(never);
    await db.commit();
    await db.rollback();
    db.release();
  });

  it("waits for the one that is writing without blocking the event loop", async () => {
    const order: string[] = [];
    const slow = inTransaction(database, async (db) => {
      await addFile(db, file("slow"));
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push("slow");
    });
    const others = [1, 2, 3].map((n) =>
      inTransaction(database, (db) => addFile(db, file(`quick ${n}`))).then(() => order.push("quick")),
    );
    await Promise.all([slow, ...others]);
    expect(order).toEqual(["slow", "quick", "quick", "quick"]);
  });

  it("keeps values out of the statement's text", async () => {
    const name = `'); DROP TABLE files; --`;
    await inTransaction(database, (db) => addFile(db, { ...file("f"), name }));
    expect(await inTransaction(database, (db) => findFile(db, "f"))).toMatchObject({ name });
  });

  it("inserts more rows than fit in one statement", async () => {
    const rows = Array.from({ length: 1_234 }, (_none, n) => file(`f${n}`));
    await inTransaction(database, (db) =>
      db.insert(
        "files",
        rows.map((row) => ({ ...row, state: "pending", created_at: "" })),
      ),
    );
    const [count] = await inTransaction(database, (db) => db.sql<{ n: number }>`SELECT count(*) AS n FROM files`);
    expect(count?.n).toBe(1_234);
  });
});

describe("the schema", () => {
  it("is made once, however many processes come up together", async () => {
    const path = join(directory, "many.db");
    const databases = Array.from({ length: 5 }, () => databaseAt(`sqlite:${path}`));
    await Promise.all(databases.map((one) => waitForDatabase(one)));
    await Promise.all(databases.map((one) => one.close()));
  });
});

describe("a database that stays away", () => {
  it("is waited for, but not for ever", async () => {
    const away = databaseAt("postgres://nobody@127.0.0.1:1/none");
    await expect(waitForDatabase(away, 10)).rejects.toThrow(/PostgreSQL is not available: .*ECONNREFUSED/);
    await away.close();
  });

  it("is refused at once when its URL is of another kind", () => {
    expect(() => databaseAt("mysql://secret@host/db")).toThrow(
      /^DATABASE_URL must start with sqlite: or postgres:\/\/\.$/,
    );
  });
});

function file(id: string): { id: string; name: string; bytes: number } {
  return { id, name: id, bytes: 0 };
}

async function stateOf(id: string): Promise<string | undefined> {
  return (await inTransaction(database, (db) => findFile(db, id)))?.state;
}

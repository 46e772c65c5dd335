import { describe, expect, it } from "vitest";
import { ConfigError } from "celeriac";
import { connectAdapter } from "../../../src/app/connect.ts";

describe("a URL of an SQLite file", () => {
  it("names the file, and how durable what it holds is to be", async () => {
    expect((await connectAdapter("broker", "sqlite:a.db")).url).toBe("sqlite:a.db");
    expect((await connectAdapter("broker", "sqlite:a.db?synchronous=normal")).url).toBe("sqlite:a.db");
    expect((await connectAdapter("broker", "sqlite:/var/a.db?synchronous=full")).url).toBe("sqlite:/var/a.db");
  });

  it.each(["sqlite:", "sqlite://host/a.db", "sqlite:?synchronous=normal"])(
    "is refused without a file: %s",
    async (url) => {
      await expect(connectAdapter("broker", url)).rejects.toThrow(ConfigError);
      await expect(connectAdapter("broker", url)).rejects.toThrow("names no file");
    },
  );

  it.each(["sqlite:a.db?", "sqlite:a.db?synchronous=off", "sqlite:a.db?mode=ro", "sqlite:a.db?synchronous=normal&x=1"])(
    "is refused with an option that is not known: %s",
    async (url) => {
      await expect(connectAdapter("broker", url)).rejects.toThrow("Known: synchronous=full, synchronous=normal.");
    },
  );
});

describe("a URL of a Redis", () => {
  it.each([
    "redis://localhost/0",
    "rediss://localhost",
    "redis+socket:///run/redis.sock",
    "unix:///run/redis.sock?db=1",
    "sentinel://a;sentinel://b?master_name=main",
  ])("is taken, and connects to nothing yet: %s", async (url) => {
    const adapter = await connectAdapter("resultBackend", url);
    expect(adapter.url).toBe(url);
    expect(adapter.createResultBackend).toBeDefined();
    expect(adapter.createKeyStore).toBeDefined();
  });

  it("shows no password", async () => {
    expect((await connectAdapter("broker", "redis://:secret@localhost")).url).toBe("redis://:***@localhost");
    const refused = connectAdapter("broker", "redis://:secret@localhost/main");
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow('"redis://:***@localhost/main" cannot be used. "main" is no number');
  });

  it("may leave the master's name to the transport options", async () => {
    await expect(connectAdapter("broker", "sentinel://a")).rejects.toThrow("name for the master is missing");
    expect((await connectAdapter("broker", "sentinel://a", { masterName: "main" })).url).toBe("sentinel://a");
  });
});

describe("a URL of a Postgres", () => {
  it.each(["postgres://localhost/app", "postgresql://localhost?schema=jobs"])(
    "is taken for results and keys, and connects to nothing yet: %s",
    async (url) => {
      const adapter = await connectAdapter("resultBackend", url);
      expect(adapter.url).toBe(url);
      expect(adapter.createResultBackend).toBeDefined();
      expect(adapter.createKeyStore).toBeDefined();
      expect(adapter.createBroker).toBeUndefined();
    },
  );

  it("shows no password", async () => {
    const refused = connectAdapter("resultBackend", "postgres://ann:secret@localhost?pool=1");
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow('"postgres://ann:***@localhost?pool=1" cannot be used. The Postgres URL has');
  });
});

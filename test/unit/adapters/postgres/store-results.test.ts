import { describe, expect, it } from "vitest";
import type { Queries } from "../../../../src/adapters/postgres/connections/pool.ts";
import { ANY_NEWS, storeResults, type EncodedResult } from "../../../../src/adapters/postgres/store-results.ts";

/** Ids and notifications of each statement that was asked; refuses those of the given places. */
function recorder(refused: readonly number[] = []) {
  const statements: { readonly ids: readonly string[]; readonly news: readonly string[] }[] = [];
  const queries: Queries = {
    query: async <Row>(_: string, values: readonly unknown[] = []) => {
      statements.push({ ids: values[0] as string[], news: values[5] as string[] });
      return refused.map((place) => ({ place })) as Row[];
    },
  };
  return { queries, statements };
}

function result(taskId: string, text = "{}"): EncodedResult {
  return { taskId, state: "SUCCESS", fence: null, text };
}

describe("storing results in Postgres", () => {
  it("takes as few statements as there are states of one task", async () => {
    const { queries, statements } = recorder();
    await storeResults(
      { queries, schema: "s", lifeMs: 1 },
      ["a", "b", "a", "c", "c"].map((id) => result(id)),
    );
    expect(statements.map(({ ids }) => ids)).toEqual([["a", "b"], ["a", "c"], ["c"]]);
  });

  it("takes several statements for many or large results", async () => {
    const { queries, statements } = recorder();
    const many = Array.from({ length: 4_500 }, (_, index) => result(`t${index}`));
    await storeResults({ queries, schema: "s", lifeMs: 1 }, [
      ...many,
      ...["x", "y"].map((id) => result(id, "0".repeat(3_000_000))),
    ]);
    expect(statements.map(({ ids }) => ids.length)).toEqual([2_000, 2_000, 501, 1]);
  });

  it("names those that were refused by their places", async () => {
    const { queries } = recorder([2]);
    expect(await storeResults({ queries, schema: "s", lifeMs: 1 }, [result("a"), result("b"), result("c")])).toEqual([
      true,
      false,
      true,
    ]);
  });

  it("tells of each in notifications that Postgres takes, and of what is too long that there is something", async () => {
    const { queries, statements } = recorder();
    const ids = [...Array.from({ length: 1_000 }, (_, index) => `ünïcode 🥕 "\u0001" ${index}`), "x".repeat(5_000)];
    await storeResults(
      { queries, schema: "s", lifeMs: 1 },
      ids.map((id) => result(id)),
    );
    const news = statements.flatMap((statement) => statement.news);
    for (const payload of news) expect(Buffer.byteLength(payload)).toBeLessThan(8_000);
    expect(
      news.filter((payload) => payload !== ANY_NEWS).flatMap((payload) => JSON.parse(payload) as string[]),
    ).toEqual(ids.slice(0, -1));
    expect(news.filter((payload) => payload === ANY_NEWS)).toHaveLength(1);
  });
});

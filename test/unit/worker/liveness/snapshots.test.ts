import { expect, it } from "vitest";
import type { Handler } from "../../../../src/control/control-node.ts";
import type { Dict } from "../../../../src/message/fields.ts";
import { Snapshots } from "../../../../src/worker/liveness/snapshots.ts";

it("takes what is lively once a second if anything has changed, and all every ten; what cannot be had is left out", async () => {
  const asked: string[] = [];
  const note = (method: string, answer: unknown): readonly [string, Handler] => [
    method,
    (args: Dict) => {
      asked.push(`${method} ${JSON.stringify(args)}`);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  ];
  const snapshots = new Snapshots(
    new Map([
      note("active", Promise.resolve([])),
      note("stats", { total: {} }),
      note("active_queues", new Error("not now")),
      note("conf", { odd: () => undefined }),
      note("registered", ["a".repeat(2 * 1024 * 1024)]),
      note("revoked", ["id"]),
    ]),
  );
  const take = async (uptime: number, signs: string) => {
    asked.length = 0;
    const answers = await snapshots.take(uptime, signs);
    return (
      answers && Object.fromEntries(Object.entries(answers).map(([name, json]) => [name, Buffer.from(json).toString()]))
    );
  };
  expect(await take(0, "a")).toEqual({ active: "[]", stats: '{"total":{}}', revoked: '["id"]' });
  expect(asked).toContain('active {"safe":true}');
  expect(await take(999, "b")).toBeUndefined();
  expect(await take(1_000, "a")).toBeUndefined();
  expect(await take(1_000, "b")).toEqual({ active: "[]", stats: '{"total":{}}' });
  expect(asked).not.toContain("revoked {}");
  expect(await take(10_000, "b")).toHaveProperty("revoked");
});

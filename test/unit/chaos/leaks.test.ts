import { expect, it } from "vitest";
import { leaksOf } from "../../../chaos/leaks.ts";
import type { Key, Server } from "../../../chaos/place.ts";

it("what stands, what expires and belongs to a task, and what Celery leaves is no leak", async () => {
  const standing = ["celeriac:queues", "celeriac:fence", "_kombu.binding.celery", "_kombu.binding.celeryev"].map(
    forEver,
  );
  const expiring = ["celeriac:seen", "celery-task-meta-a", "celeriac:fence:a"].map((name) => ({
    name,
    isExpiring: true,
  }));
  const { broken, counts } = await leaksOf(serverWith([...standing, ...expiring]), new Set(["a"]));
  expect(broken).toEqual([]);
  expect(counts).toMatchObject({ "keys that stand": 4, "keys of results, which expire": 2, "keys leaked": 0 });
});

it("a key of which there is one for each worker or message is a leak, so are a result that stays, and one of no task", async () => {
  const keys = [
    forEver("celeriac:leases:celery"),
    forEver("celery-task-meta-a"),
    { name: "celeriac:fence:b", isExpiring: true },
  ];
  expect((await leaksOf(serverWith(keys), new Set(["a"]))).broken).toEqual([
    'The key "celeriac:leases:celery" is left for ever.',
    'The key "celery-task-meta-a" is left for ever.',
    'The key "celeriac:fence:b" is left.',
  ]);
});

function forEver(name: string): Key {
  return { name, isExpiring: false };
}

function serverWith(keys: readonly Key[]): Server {
  return {
    pid: 0,
    restart: () => Promise.resolve(),
    cut: () => Promise.resolve(false),
    keys: () => Promise.resolve(keys),
    clients: () => Promise.resolve(0),
  };
}

import { describe, expect, it } from "vitest";
import { InvalidRouteError } from "../../../src/routing/errors.ts";
import { TaskRouter } from "../../../src/routing/task-router.ts";
import type { TaskRoute, TaskRoutes } from "../../../src/routing/task-router.ts";

function routeOf(routes: TaskRoutes | undefined, name: string, options: TaskRoute = {}): TaskRoute {
  return new TaskRouter(routes).route(name, [], {}, options);
}

describe("TaskRouter", () => {
  it("leaves a task that no route knows to the default queue", () => {
    expect(routeOf(undefined, "any")).toEqual({});
    expect(routeOf({ other: "q" }, "any")).toEqual({});
    expect(routeOf([], "any")).toEqual({});
  });

  it("routes by exact name; a plain text is a queue", () => {
    expect(routeOf({ "feed.import": "feeds" }, "feed.import")).toEqual({ queue: "feeds" });
    expect(routeOf({ "feed.import": "feeds" }, "feed.import2")).toEqual({});
  });

  it("routes by glob, over the whole name", () => {
    const routes = { "feed.*": { queue: "feeds", priority: 3 } };
    expect(routeOf(routes, "feed.import.one")).toEqual({ queue: "feeds", priority: 3 });
    expect(routeOf(routes, "my.feed.import")).toEqual({});
    expect(routeOf(routes, "feedXimport")).toEqual({});
  });

  it.each([
    ["*.a?c", "x.abc", true],
    ["*.a?c", "x.ac", false],
    ["*[0-9]", "task7", true],
    ["*[0-9]", "task", false],
    ["*[!0-9]", "task7", false],
    ["*[!0-9]", "task", true],
    ["*[]]", "a]", true],
    ["*[", "a[", true],
    ["a.(b)+*$", "a.(b)+c$", true],
    ["a.(b)+*$", "axbbc$", false],
    ["*[a\\]", "x\\", true],
    ["*", "line\nbreak", true],
  ])("reads the glob %j as Python's fnmatch does: %j", (glob, name, isMatch) => {
    expect(routeOf({ [glob]: "q" }, name)).toEqual(isMatch ? { queue: "q" } : {});
  });

  it("takes a name without a star for itself, as Celery does", () => {
    expect(routeOf({ "task?": "q" }, "task1")).toEqual({});
    expect(routeOf({ "task?": "q" }, "task?")).toEqual({ queue: "q" });
  });

  it("matches a RegExp from the start of the name, as Celery does, whatever its flags", () => {
    const routes: TaskRoutes = [[/(video|image)\.tasks\./g, "media"]];
    const router = new TaskRouter(routes);
    for (let time = 0; time < 3; time += 1) expect(router.route("video.tasks.cut", [], {})).toEqual({ queue: "media" });
    expect(router.route("my.video.tasks.cut", [], {})).toEqual({});
    expect(routeOf([[/VIDEO/i, "media"]], "video")).toEqual({ queue: "media" });
  });

  it("takes maps, lists of pairs and Maps alike", () => {
    const pair = [/^a/, "q"] as const;
    for (const routes of [[pair], [[pair]], new Map([pair]), [new Map([pair])]] as TaskRoutes[]) {
      expect(routeOf(routes, "abc")).toEqual({ queue: "q" });
    }
  });

  it("prefers an exact name to patterns within one map, and tries patterns in order", () => {
    const routes = { "a.*": "first", "a.b*": "second", "a.b": "exact" };
    expect(routeOf(routes, "a.b")).toEqual({ queue: "exact" });
    expect(routeOf(routes, "a.bc")).toEqual({ queue: "first" });
    const pairs: TaskRoutes = [
      ["a.*", "first"],
      ["a.b", "exact"],
    ];
    expect(routeOf(pairs, "a.b")).toEqual({ queue: "exact" });
  });

  it("asks the routers in order, and the first that answers decides", () => {
    const asked: string[] = [];
    const routes: TaskRoutes = [
      (name) => {
        asked.push(name);
        return name === "one" ? "from function" : undefined;
      },
      { one: "too late", two: "from map" },
      () => ({ exchange: "x", routingKey: "last" }),
    ];
    expect(routeOf(routes, "one")).toEqual({ queue: "from function" });
    expect(routeOf(routes, "two")).toEqual({ queue: "from map" });
    expect(routeOf(routes, "three")).toEqual({ exchange: "x", routingKey: "last" });
    expect(asked).toEqual(["one", "two", "three"]);
  });

  it("hands a function the whole call", () => {
    const calls: unknown[] = [];
    const router = new TaskRouter((...call) => {
      calls.push(call);
      return null;
    });
    expect(router.route("t", [1], { x: 2 }, { priority: 5 })).toEqual({ priority: 5 });
    expect(calls).toEqual([["t", [1], { x: 2 }, { priority: 5 }]]);
  });

  it("understands Celery's routing_key", () => {
    expect(routeOf({ t: { exchange: "x", routing_key: "k" } }, "t")).toEqual({ exchange: "x", routingKey: "k" });
  });

  it("lets the caller's options beat the route's", () => {
    const routes = { t: { queue: "q", routingKey: "k", priority: 1 } };
    expect(routeOf(routes, "t", { priority: 9 })).toEqual({ queue: "q", routingKey: "k", priority: 9 });
    expect(routeOf(routes, "t", { routingKey: "mine" })).toEqual({ queue: "q", routingKey: "mine", priority: 1 });
    expect(routeOf(routes, "t", { queue: "mine" })).toEqual({ queue: "mine", priority: 1 });
    expect(routeOf(routes, "t", { exchange: "mine", routingKey: "x" })).toEqual({
      exchange: "mine",
      routingKey: "x",
      priority: 1,
    });
  });

  it("gives nothing but a route, whatever else the options hold", () => {
    const options = { countdownMs: 5, queue: "q" } as TaskRoute;
    expect(routeOf(undefined, "t", options)).toEqual({ queue: "q" });
  });

  it("is not confused by names that objects have of themselves", () => {
    for (const name of ["__proto__", "constructor", "toString"]) expect(routeOf({ t: "q" }, name)).toEqual({});
  });

  it.each<[string, unknown]>([
    ['taskRoutes["feed.*"]', { "feed.*": 7 }],
    ['taskRoutes["feed.*"].queue', { "feed.*": { queue: "" } }],
    ['taskRoutes["a"].priority', { a: { priority: 10 } }],
    ['taskRoutes["a"].exchange', { a: { exchange: {} } }],
    ["taskRoutes[1]", [{}, 7]],
    ["taskRoutes[0][1]", [[["a", "b"], ["c"]]]],
    ["taskRoutes[/x/]", [[/x/, null]]],
    ["taskRoutes", "feeds"],
  ])("names the bad entry: %s", (entry, routes) => {
    const construct = (): TaskRouter => new TaskRouter(routes as TaskRoutes);
    expect(construct).toThrow(InvalidRouteError);
    expect(construct).toThrow(expect.objectContaining({ entry }) as Error);
  });

  it("suggests the key that was meant", () => {
    expect(() => new TaskRouter({ a: { queu: "x" } } as TaskRoutes)).toThrow(
      'taskRoutes["a"] has an unknown key "queu"; did you mean "queue"?',
    );
  });

  it("names the task for which a function gave no route", () => {
    const router = new TaskRouter((() => 7) as unknown as TaskRoutes);
    expect(() => router.route("feed.import", [], {})).toThrow('The route of "feed.import"');
  });
});

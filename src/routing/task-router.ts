import { suggest } from "../util/suggest.ts";
import { InvalidRouteError } from "./errors.ts";

/** Where a task is sent, as far as its route or its caller says. A queue stands for its declared exchange and routing key. */
export interface TaskRoute {
  readonly queue?: string;
  readonly exchange?: string;
  readonly routingKey?: string;
  /** 0 to 9. */
  readonly priority?: number;
}

/** A route; a text is the name of a queue. Celery's `routing_key` is understood too. */
export type RouteEntry = string | (TaskRoute & { readonly routing_key?: string });

/** Decides for one call; undefined leaves it to the next router. */
export type RouteFunction = (
  name: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  options: TaskRoute,
) => RouteEntry | null | undefined;

type RoutePattern = string | RegExp;

/** Routes by task name. The names of an object hold no RegExp; a Map or a list of pairs does. */
export type RouteMap =
  | Readonly<Record<string, RouteEntry>>
  | ReadonlyMap<RoutePattern, RouteEntry>
  | readonly (readonly [RoutePattern, RouteEntry])[];

/** One router or several, asked in order. Celery: `task_routes`. */
export type TaskRoutes =
  RouteMap | RouteFunction | readonly (RouteMap | RouteFunction | readonly [RoutePattern, RouteEntry])[];

/**
 * Finds a task's route in `taskRoutes`: the first router that knows the task decides. Within one map an exact name comes
 * before the patterns, which are tried in order. A name with a `*` is a glob over the whole task name; a RegExp must match
 * from the start of the name, as in Celery. Celery: `celery/app/routes.py`.
 */
export class TaskRouter {
  readonly #routers: readonly RouteFunction[];

  /** Throws InvalidRouteError. */
  constructor(routes: TaskRoutes | undefined) {
    this.#routers = readRouters(routes);
  }

  /** The route of a call. What the caller says beats the route; a queue or exchange of the caller's replaces the route's destination as a whole. */
  route(
    name: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
    options: TaskRoute = {},
  ): TaskRoute {
    for (const router of this.#routers) {
      const found = router(name, args, kwargs, options);
      if (found !== null && found !== undefined) return merge(readRoute(found, `The route of "${name}"`), options);
    }
    return routeOf(options);
  }
}

function merge(route: TaskRoute, options: TaskRoute): TaskRoute {
  const elsewhere = options.queue !== undefined || options.exchange !== undefined;
  const { queue, exchange } = elsewhere ? options : route;
  const routingKey = options.routingKey ?? (elsewhere ? undefined : route.routingKey);
  return routeOf({ queue, exchange, routingKey, priority: options.priority ?? route.priority });
}

type Loose<T> = { readonly [K in keyof T]: T[K] | undefined };

/** A route of what is said of it. Written out: every call comes here. */
export function routeOf({ queue, exchange, routingKey, priority }: Loose<TaskRoute>): TaskRoute {
  const route: { -readonly [K in keyof TaskRoute]: TaskRoute[K] } = {};
  if (queue !== undefined) route.queue = queue;
  if (exchange !== undefined) route.exchange = exchange;
  if (routingKey !== undefined) route.routingKey = routingKey;
  if (priority !== undefined) route.priority = priority;
  return route;
}

function readRouters(routes: unknown): readonly RouteFunction[] {
  if (routes === undefined || routes === null) return [];
  if (!Array.isArray(routes)) return [readRouter(routes, "taskRoutes")];
  return gatherPairs(routes).map(({ router, entry }) => readRouter(router, entry));
}

/** Neighbouring pairs that stand in the list itself are one map. */
function gatherPairs(routes: readonly unknown[]): readonly { readonly router: unknown; readonly entry: string }[] {
  const routers: { router: unknown; entry: string }[] = [];
  let pairs: unknown[] | undefined;
  for (const [index, router] of routes.entries()) {
    if (!isPair(router)) {
      pairs = undefined;
      routers.push({ router, entry: `taskRoutes[${index}]` });
    } else if (pairs === undefined) {
      pairs = [router];
      routers.push({ router: pairs, entry: "taskRoutes" });
    } else {
      pairs.push(router);
    }
  }
  return routers;
}

function readRouter(router: unknown, entry: string): RouteFunction {
  if (typeof router === "function") return router as RouteFunction;
  if (typeof router === "object" && router !== null) return mapRouter(entriesOf(router, entry), entry);
  throw new InvalidRouteError(entry, "is neither a function nor a map from task names to routes");
}

function entriesOf(map: object, entry: string): readonly (readonly [unknown, unknown])[] {
  if (map instanceof Map) return [...(map as ReadonlyMap<unknown, unknown>)];
  if (!Array.isArray(map)) return Object.entries(map);
  const odd = map.findIndex((pair) => !isPair(pair));
  if (odd !== -1)
    throw new InvalidRouteError(`${entry}[${odd}]`, "is not a pair of a task name, or a RegExp, and a route");
  return map as readonly (readonly [unknown, unknown])[];
}

function isPair(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && (typeof value[0] === "string" || value[0] instanceof RegExp);
}

function mapRouter(entries: readonly (readonly [unknown, unknown])[], entry: string): RouteFunction {
  const exact = new Map<string, TaskRoute>();
  const patterns: { readonly pattern: RegExp; readonly route: TaskRoute }[] = [];
  for (const [name, value] of entries) {
    const route = readRoute(value, `${entry}[${typeof name === "string" ? JSON.stringify(name) : String(name)}]`);
    if (name instanceof RegExp) patterns.push({ pattern: fromStart(name), route });
    else if (typeof name !== "string") throw new InvalidRouteError(entry, `has a name that is a ${typeof name}`);
    else if (name.includes("*")) patterns.push({ pattern: globToRegExp(name), route });
    else exact.set(name, route);
  }
  return (name) => exact.get(name) ?? patterns.find(({ pattern }) => matches(pattern, name))?.route;
}

function matches(pattern: RegExp, name: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(name);
}

/** Python's `re.match`. */
function fromStart(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, "")}y`);
}

/** Python's `fnmatch.translate`: `*`, `?`, `[abc]`, `[a-z]` and `[!abc]`. */
function globToRegExp(glob: string): RegExp {
  const source = glob.replace(GLOB_PART, (part, negated: string | undefined, set: string | undefined) => {
    if (set !== undefined) return `[${negated === undefined ? "" : "^"}${set.replace(/[\\\]^[]/g, "\\$&")}]`;
    if (part === "?") return ".";
    return part.startsWith("*") ? ".*" : `\\${part}`;
  });
  return new RegExp(`^${source}$`, "s");
}

/** A run of stars, a question mark, a set, or a character that a RegExp would not take for itself. */
const GLOB_PART = /\*+|\?|\[(!)?(\][^\]]*|[^\]]+)\]|[\\^$.|+()[\]{}]/g;

const ROUTE_KEYS = ["queue", "exchange", "routingKey", "routing_key", "priority"];

function readRoute(value: unknown, entry: string): TaskRoute {
  if (typeof value === "string") return { queue: readName(value, entry) };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidRouteError(
      entry,
      "is neither the name of a queue nor an object with queue, exchange, routingKey or priority",
    );
  }
  for (const key of Object.keys(value)) if (!ROUTE_KEYS.includes(key)) throw unknownKey(entry, key);
  const route = value as Readonly<Record<string, unknown>>;
  const { queue, exchange, priority } = route;
  const routingKey = route["routingKey"] ?? route["routing_key"];
  return routeOf({
    queue: isAbsent(queue) ? undefined : readName(queue, `${entry}.queue`),
    exchange: isAbsent(exchange) ? undefined : readText(exchange, `${entry}.exchange`),
    routingKey: isAbsent(routingKey) ? undefined : readText(routingKey, `${entry}.routingKey`),
    priority: isAbsent(priority) ? undefined : readPriority(priority, `${entry}.priority`),
  });
}

function unknownKey(entry: string, key: string): InvalidRouteError {
  const meant = suggest(key, ROUTE_KEYS);
  return new InvalidRouteError(
    entry,
    `has an unknown key "${key}"${meant === undefined ? "" : `; did you mean "${meant}"?`}`,
  );
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function readName(value: unknown, entry: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new InvalidRouteError(entry, "is not the name of a queue");
}

function readText(value: unknown, entry: string): string {
  if (typeof value === "string") return value;
  throw new InvalidRouteError(entry, "is not text");
}

function readPriority(value: unknown, entry: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 9) return value;
  throw new InvalidRouteError(entry, "is not a whole number from 0 to 9");
}

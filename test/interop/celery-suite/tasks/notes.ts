import type { Celeriac, TaskContext } from "celeriac";
import type { Redis } from "ioredis";
import { nameOf } from "./names.ts";

type TaskRequest = TaskContext["request"];
/** Python's tests give some texts as bytes. */
type Text = string | number | Uint8Array;

/** Tasks that leave a note of themselves in the tests' own Redis. */
export function defineNotes(app: Celeriac, redis: Redis): void {
  app.task(nameOf("redis_echo"), { params: ["message", "redis_key?"] }, async (message: Text, key?: Text) => {
    await redis.rpush(asArgument(key ?? "redis-echo"), asArgument(message));
  });
  app.task(
    nameOf("redis_echo_group_id"),
    { bind: true, params: ["_", "redis_key?"] },
    async ({ request }, _: unknown, key?: string) => {
      await redis.rpush(key ?? "redis-group-ids", request.groupId ?? "");
    },
  );
  app.task(nameOf("redis_count"), { params: ["redis_key?"] }, async (key?: Text) => {
    await redis.incr(asArgument(key ?? "redis-count"));
  });
  defineErrbacks(app, redis);
  app.task(
    nameOf("sum_and_record"),
    { bind: true, params: ["values", "redis_key"] },
    async ({ id }, values: readonly number[], key: string) => {
      await redis.rpush(key, id);
      return values.reduce((total, each) => total + each, 0);
    },
  );
}

/** Of one argument, or two with their own, they are sent with the id of the task that failed; of more, they are called where it failed. */
function defineErrbacks(app: Celeriac, redis: Redis): void {
  app.task(nameOf("errback_old_style"), { params: ["request_id"] }, async (id: string) => {
    await redis.incr(id);
    return id;
  });
  app.task(
    nameOf("errback_new_style"),
    { params: ["request", "exc", "tb"] },
    async ({ id }: TaskRequest, _error: unknown, _traceback: unknown) => {
      await redis.incr(id);
      return id;
    },
  );
  app.task(
    nameOf("errback_old_style_with_args"),
    { params: ["request_id", "label"] },
    async (id: string, label: string) => {
      await redis.rpush(id, label);
    },
  );
  app.task(
    nameOf("errback_new_style_with_args"),
    { params: ["request", "exc", "tb", "label"] },
    async ({ id }: TaskRequest, _error: unknown, _traceback: unknown, label: string) => {
      await redis.rpush(id, label);
    },
  );
}

function asArgument(text: Text): string | Buffer {
  return text instanceof Uint8Array ? Buffer.from(text) : String(text);
}

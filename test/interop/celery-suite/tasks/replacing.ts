import { canvasFromDict, chain, group, type Canvas, type Celeriac } from "celeriac";
import type { Redis } from "ioredis";
import { nameOf, type CanvasDict } from "./names.ts";

type Numbers = readonly number[];

/** Tasks that put others in their place, or into the chord that they are in. */
export function defineReplacing(app: Celeriac, redis: Redis): void {
  const call = (task: string, ...args: readonly unknown[]): Canvas => app.signature(nameOf(task), { args });
  const bound = { bind: true } as const;
  app.task(nameOf("add_replaced"), { ...bound, params: ["x", "y"] }, (context, x: number, y: number) => {
    throw context.replace(call("add", x, y));
  });
  app.task(nameOf("add_replaced_with_chain"), { ...bound, params: ["x", "y"] }, (context, x: number, y: number) => {
    throw context.replace(chain(call("add", x, y), call("identity")));
  });
  app.task(nameOf("fail_replaced"), bound, (context, ...args: readonly unknown[]) => {
    throw context.replace(app.signature(nameOf("fail"), { args, immutable: true }));
  });
  app.task(nameOf("add_to_all"), { ...bound, params: ["nums", "val"] }, (context, numbers: Numbers, value: number) => {
    throw context.replace(group(numbers.map((each) => call("add", each, value))));
  });
  app.task(
    nameOf("add_to_all_to_chord"),
    { ...bound, params: ["nums", "val"] },
    (context, numbers: Numbers, value: number) => {
      for (const each of numbers) context.addToChord(call("add", each, value));
      return 0;
    },
  );
  app.task(
    nameOf("add_chord_to_chord"),
    { ...bound, params: ["nums", "val"] },
    (context, numbers: Numbers, value: number) => {
      context.addToChord(group(numbers.map((each) => call("add", each, value))).pipe(call("tsum")));
      return 0;
    },
  );
  app.task(
    nameOf("record_replaced_task_nesting"),
    { ...bound, params: ["replacements", "nesting?"] },
    (context, replacements: number, earlier?: Numbers | null) => {
      const nesting = [...(earlier ?? []), context.request.replacedTaskNesting];
      if (replacements === 0) return nesting;
      throw context.replace(call("record_replaced_task_nesting", replacements - 1, nesting));
    },
  );
  app.task(
    nameOf("replace_with_stamped_task"),
    { ...bound, params: ["replace_with?"] },
    (context, other?: CanvasDict | null) => {
      const replacement = other ? canvasFromDict(other) : call("replaced_with_me");
      throw context.replace(replacement.stamp({ StampOnReplace: "This is the replaced task" }));
    },
  );
  app.task(nameOf("replaced_with_me"), () => true);
  defineChains(app, call);
  defineSecondOrder(app, call, redis);
}

type Call = (task: string, ...args: readonly unknown[]) => Canvas;

function defineChains(app: Celeriac, call: Call): void {
  const withMessage = { bind: true, params: ["x?", "link_msg?"] } as const;
  const echo = (message?: string | null): Canvas =>
    typeof message === "string"
      ? app.signature(nameOf("redis_echo"), { args: [message], immutable: true })
      : call("redis_echo");
  const identity = (x: unknown): Canvas => (x === undefined ? call("identity") : call("identity", x));
  app.task(nameOf("replace_with_chain"), withMessage, (context, x?: unknown, message?: string | null) => {
    throw context.replace(chain(identity(x), call("identity")).link(echo(message)));
  });
  app.task(nameOf("replace_with_chain_which_raises"), withMessage, (context, x?: unknown, message?: string | null) => {
    throw context.replace(chain(identity(x), call("raise_error")).linkError(echo(message)));
  });
  app.task(nameOf("replace_with_empty_chain"), { bind: true }, (context, ..._args: readonly unknown[]) => {
    throw context.replace(chain([]));
  });
  app.task(nameOf("replace_with_chain_which_contains_a_group"), { bind: true }, (context) => {
    throw context.replace(chain(call("add", 1, 2), group(call("add", 1), call("add", 1))));
  });
}

/** Each in turn has the other for a step of the chain that it puts in its own place. */
function defineSecondOrder(app: Celeriac, call: Call, redis: Redis): void {
  const steps = [
    { task: "second_order_replace1", name: "A", within: () => call("second_order_replace2") },
    { task: "second_order_replace2", name: "B", within: () => call("redis_echo", "In/Out C") },
  ];
  for (const { task, name, within } of steps)
    app.task(nameOf(task), { bind: true, params: ["state?"] }, async (context, isBack?: boolean) => {
      await redis.rpush("redis-echo", `${isBack === true ? "Out" : "In"} ${name}`);
      if (isBack === true) return null;
      const back = app.signature(nameOf(task), { kwargs: { state: true }, immutable: true });
      throw context.replace(chain(within(), back));
    });
}

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { bindArguments } from "../../../src/app/bind-arguments.ts";
import { InvalidArgumentsError } from "../../../src/app/errors.ts";
import type { ArgumentSpec } from "../../../src/app/task-options.ts";

const bind = async (spec: ArgumentSpec, args: readonly unknown[], kwargs: Record<string, unknown> = {}) =>
  await bindArguments("t.add", spec, { args, kwargs });

async function refusal(binding: Promise<unknown>): Promise<InvalidArgumentsError> {
  const error: unknown = await binding.then(
    (bound) => expect.fail(`bound to ${JSON.stringify(bound)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InvalidArgumentsError);
  return error as InvalidArgumentsError;
}

describe("arguments with names", () => {
  const spec = { params: ["x", "y", "z?"] };

  it("bind by position, by name, and by both", async () => {
    expect(await bind(spec, [1, 2])).toEqual([1, 2]);
    expect(await bind(spec, [], { y: 2, x: 1 })).toEqual([1, 2]);
    expect(await bind(spec, [1], { y: 2, z: 3 })).toEqual([1, 2, 3]);
  });

  it("may leave out those marked with a question mark, and no others", async () => {
    expect(await bind(spec, [1, 2])).toHaveLength(2);
    expect(await refusal(bind(spec, [1]))).toMatchObject({
      argument: "y",
      message: 't.add: the argument "y" is missing.',
    });
  });

  it("refuse an unknown name, a value given twice, and too many values, naming the argument", async () => {
    expect(await refusal(bind(spec, [1, 2], { w: 0 }))).toMatchObject({ argument: "w" });
    expect(await refusal(bind(spec, [1, 2], { x: 0 }))).toMatchObject({ argument: "x" });
    expect(await refusal(bind(spec, [1, 2, 3, 4]))).toMatchObject({ argument: "args[3]" });
  });

  it("do not take a name from an object's prototype", async () => {
    expect(await refusal(bind({ params: ["toString"] }, []))).toMatchObject({ argument: "toString" });
  });
});

describe("arguments without names", () => {
  it("bind by position as they are", async () => {
    expect(await bind({}, [1, undefined, "a"])).toEqual([1, undefined, "a"]);
  });

  it("refuse keyword arguments and say how to name them", async () => {
    const error = await refusal(bind({}, [1], { y: 2 }));
    expect(error).toMatchObject({ argument: "y" });
    expect(error.message).toContain('"params"');
  });
});

describe("arguments with a schema", () => {
  const user = z.object({ user: z.object({ email: z.email() }) });

  it("give the handler what the schema makes of them", async () => {
    const spec = { kwargs: z.object({ n: z.string().transform(Number) }) };
    expect(await bind(spec, [], { n: "7" })).toEqual([{ n: 7 }]);
  });

  it("are refused with the path of the argument at fault", async () => {
    const error = await refusal(bind({ kwargs: user }, [], { user: { email: "nobody" } }));
    expect(error.argument).toBe("user.email");
    expect(error.message).toMatch(/^t\.add: argument "user\.email": /);
  });

  it("of an object take positional values too, once they have names", async () => {
    const spec = { kwargs: z.object({ a: z.number(), b: z.number() }), params: ["a", "b"] };
    expect(await bind(spec, [1], { b: 2 })).toEqual([{ a: 1, b: 2 }]);
    expect(await refusal(bind(spec, [1, 2], { b: 2 }))).toMatchObject({ argument: "b" });
    expect(await refusal(bind({ kwargs: spec.kwargs }, [1]))).toMatchObject({ argument: "args[0]" });
  });

  it("of a tuple are named by params, or else by place", async () => {
    const args = z.tuple([z.number(), z.number()]);
    expect(await bind({ args, params: ["x", "y"] }, [], { x: 1, y: 2 })).toEqual([1, 2]);
    expect(await refusal(bind({ args, params: ["x", "y"] }, [1, "2"]))).toMatchObject({ argument: "y" });
    expect(await refusal(bind({ args }, [1, "2"]))).toMatchObject({ argument: "args[1]" });
  });

  it("may be checked asynchronously", async () => {
    const spec = {
      kwargs: z.object({ n: z.number().refine(async (n) => Promise.resolve(n > 0), "must be positive") }),
    };
    expect(await bind(spec, [], { n: 1 })).toEqual([{ n: 1 }]);
    expect((await refusal(bind(spec, [], { n: -1 }))).message).toContain("must be positive");
  });
});

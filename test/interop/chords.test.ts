import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ResultNode } from "../../src/backend/groups.ts";
import { eventually } from "../support/eventually.ts";
import { redisConnections } from "../support/redis-connections.ts";
import { describeInEachPlace, Shop } from "../support/shop.ts";

const SIDES = ["python", "typescript"];
const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ["of Python's", ["python", "python", "python"]],
  ["of ours", ["typescript", "typescript", "typescript"]],
  ["of both, ours last", ["python", "typescript", "python", "typescript"]],
  ["of both, Python's last", ["typescript", "python", "typescript", "python"]],
];

describeInEachPlace((place) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open(place);
    await Promise.all([shop.pythonWorker({ queues: ["python"] }), shop.worker({ queues: ["typescript"] })]);
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  /** `typescript.add` of 1 and 1, and so on, as Python would write it. */
  const header = (sides: readonly string[]): string =>
    `[${sides.map((side, index) => `task("${side}.add").clone((${index}, 1))`).join(", ")}]`;
  const sums = (sides: readonly string[]): readonly number[] => sides.map((_, index) => index + 1);

  describe.each(SIDES)("a chord that Python sends, with a body of %s", (body) => {
    it.each(HEADERS)("and a header %s", async (_, sides) => {
      expect(await shop.python(`chord(${header(sides)})(task("${body}.echo")).get(timeout=10)`)).toEqual(sums(sides));
    });

    it("and fifty members of each side, runs its body once", async () => {
      const sides = Array.from({ length: 100 }, (_, index) => SIDES[index % 2] ?? "");
      const id = await shop.python(`(many := chord(${header(sides)})(task("${body}.echo"))).id`);
      expect(await shop.app.result(String(id)).get({ timeoutMs: 20_000 })).toEqual(sums(sides));
    });

    it("and chains in its header", async () => {
      const chains = SIDES.flatMap((first) =>
        SIDES.map((second) => `chain(task("${first}.add").clone((1, 2)), task("${second}.add").clone((10,)))`),
      );
      expect(await shop.python(`chord([${chains.join(", ")}])(task("${body}.echo")).get(timeout=10)`)).toEqual([
        13, 13, 13, 13,
      ]);
    });

    it("and more tasks behind it", async () => {
      const steps = `task("${body}.echo"), task("python.echo"), task("typescript.echo"), task("python.echo")`;
      expect(await shop.python(`chain(group(${header(SIDES)}), ${steps})().get(timeout=10)`)).toEqual([1, 2]);
    });

    it("and the body a member of another", async () => {
      const inner = `chord(${header(SIDES)}, task("${body}.echo"))`;
      const outer = `chord([${inner}, task("typescript.add").clone((5,)), task("python.add").clone((6,))])`;
      expect(await shop.python(`${outer}(task("${body}.echo")).get(timeout=10)`)).toEqual([[1, 2], 5, 6]);
    });

    it("and a group for more of it", async () => {
      const group = `group(task("${body}.echo"), task("typescript.echo"), task("python.echo"))`;
      expect(await shop.python(`chord(${header(SIDES)})(${group}).get(timeout=10)`)).toEqual([
        [1, 2],
        [1, 2],
        [1, 2],
      ]);
    });

    it.each([
      ["python", `KeyError('ünïcode')`],
      ["typescript", "TypeError('no such thing')"],
    ])("fails with its member of %s, and calls its errbacks", async (side, error) => {
      const kind = side === "python" ? "KeyError" : "TypeError";
      const culprit = randomUUID();
      const failing = `task("${side}.fail").clone(("${kind}",)).set(task_id="${culprit}")`;
      const members = `${failing}, task("typescript.add").clone((1,)), task("python.add").clone((2,))`;
      const caller = `task("${body}.echo").on_error(task("typescript.echo"))`;
      await shop.python(`(failed := chord([${members}])(${caller})).id`);
      await expect(shop.python("result(failed.id).get(timeout=10)")).rejects.toMatchObject({
        type: "ChordError",
        module: "celery.exceptions",
        args: [`Dependency ${culprit} raised ${error}`],
      });
      const id = await shop.python("failed.id");
      await eventually(() => expect(shop.received).toContain(id));
    });

    it("fails with its member of ours that is revoked", async () => {
      const id = randomUUID();
      await shop.app.revoke([id]);
      const members = `task("typescript.add").clone((1,)).set(task_id="${id}"), task("python.add").clone((2,))`;
      await expect(
        shop.python(`result(chord([${members}])(task("${body}.echo")).id).get(timeout=10)`),
      ).rejects.toMatchObject({
        type: "ChordError",
        args: [`Dependency ${id} raised TaskRevokedError('revoked')`],
      });
    });
  });

  describe("a member that is delivered again", () => {
    /** A chord whose members are sent one by one, each with the result 3. */
    async function beginChord(body: string, size: number) {
      const [chordId, bodyId] = [randomUUID(), randomUUID()];
      await (await shop.app.resultBackend()).chords.begin([{ chordId, size, deadline: null }]);
      const send = ({ name, taskId, index }: { name: string; taskId: string; index: number }): Promise<unknown> =>
        shop.python(
          `task("${name}").apply_async((3,), task_id="${taskId}", group_id="${chordId}", group_index=${index}, chord=task("${body}").set(task_id="${bodyId}")).id`,
        );
      return { bodyId, send };
    }

    it.each([
      ["typescript", "typescript"],
      ["python", "typescript"],
      ["typescript", "python"],
    ])("counts once: run by %s, then by %s", async (first, second) => {
      const chord = await beginChord("python.echo", 2);
      const taskId = randomUUID();
      await chord.send({ name: `${first}.add`, taskId, index: 0 });
      await shop.settled();
      await chord.send({ name: `${second}.add`, taskId, index: 0 });
      await shop.settled();
      expect(await shop.app.result(chord.bodyId).state()).toBe("PENDING");
      await chord.send({ name: `${second}.add`, taskId: randomUUID(), index: 1 });
      expect(await shop.app.result(chord.bodyId).get({ timeoutMs: 10_000 })).toEqual([3, 3]);
    });

    it("after the end changes nothing, and leaves nothing for ever", async () => {
      await using connections = redisConnections(shop.server.url);
      const chord = await beginChord("typescript.echo", 1);
      const member = { taskId: randomUUID(), index: 0 };
      const count = (): number => shop.received.filter((value) => JSON.stringify(value) === "[3]").length;
      await chord.send({ name: "typescript.add", ...member });
      await eventually(() => expect(count()).toBe(1));
      await chord.send({ name: "typescript.add", ...member });
      await shop.settled();
      expect(count()).toBe(1);
      const keys = (await connections.commands.command(["KEYS", "celery-taskset-meta-*"])) as readonly string[];
      expect(keys.length).toBeGreaterThan(0);
      const lives = await connections.commands.pipeline(keys.map((key) => ["TTL", key] as const));
      expect(lives.filter((life) => Number(life) <= 0)).toEqual([]);
    });
  });

  describe("a group's record", () => {
    const task = (id: string, parent: ResultNode | null = null): ResultNode => ({ id, parent, members: null });

    it("of Python's is what we restore", async () => {
      await shop.python(`(saved := group(task("typescript.add").clone((i,)) for i in range(3))()).save()`);
      const [id, ...members] = (await shop.python("[saved.id] + [member.id for member in saved]")) as string[];
      const { groups } = await shop.app.resultBackend();
      const restored = await groups.restore(id ?? "");
      expect(restored).toEqual({ id, parent: null, members: members.map((member) => task(member)) });
    });

    it("of ours is what Python restores, and its results", async () => {
      const inner: ResultNode = { id: "ours-inner", parent: null, members: [task("ours-c")] };
      const { groups } = await shop.app.resultBackend();
      await groups.save({ id: "ours", parent: null, members: [task("ours-a", task("ours-before")), inner] });
      for (const id of ["ours-a", "ours-c"]) await shop.app.sendTask("python.echo", { args: [id], taskId: id });
      await shop.python(`(ours := GroupResult.restore("ours", app=app)).id`);
      expect(await shop.python("ours.get(timeout=10)")).toEqual(["ours-a", ["ours-c"]]);
      expect(await shop.python("ours[0].parent.id")).toBe("ours-before");
    });

    it("that one side forgets is gone for the other", async () => {
      const { groups } = await shop.app.resultBackend();
      await groups.save({ id: "forgotten", parent: null, members: [task("x")] });
      await shop.python(`GroupResult.restore("forgotten", app=app).delete()`);
      expect(await groups.restore("forgotten")).toBeUndefined();
    });
  });
});

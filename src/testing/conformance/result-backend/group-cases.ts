import assert from "node:assert/strict";
import type { ResultNode } from "../../../backend/groups.ts";
import type { Case } from "../cases.ts";
import { SHORT_MS, type ResultStage } from "./stage.ts";

/** What is kept of groups. */
export const groupCases: readonly Case<ResultStage>[] = [
  {
    name: "a group that was saved is restored by another backend, members in their order",
    async run(stage) {
      const group = groupOf("g", [task("b"), task("a"), groupOf("inner", [task("c"), task("ünïcode 🥕")])]);
      await (await stage.open()).groups.save(group);
      assert.deepEqual(await (await stage.open()).groups.restore("g"), group);
    },
  },
  {
    name: "a group keeps what came before it and its members",
    async run(stage) {
      const { groups } = await stage.open();
      const parent = groupOf("before", [task("x")]);
      const group = { ...groupOf("g", [{ ...task("second"), parent: task("first") }]), parent };
      await groups.save(group);
      assert.deepEqual(await groups.restore("g"), group);
    },
  },
  {
    name: "a group that is saved again is replaced, an empty one is a group",
    async run(stage) {
      const { groups } = await stage.open();
      await groups.save(groupOf("g", [task("a")]));
      await groups.save(groupOf("g", []));
      assert.deepEqual(await groups.restore("g"), groupOf("g", []));
    },
  },
  {
    name: "groups that are unknown or forgotten are absent",
    async run(stage) {
      const { groups } = await stage.open();
      await groups.save(groupOf("g", [task("a")]));
      await groups.save(groupOf("kept", [task("a")]));
      await groups.forget(["g", "unknown"]);
      await groups.forget([]);
      assert.equal(await groups.restore("g"), undefined);
      assert.equal(await groups.restore("unknown"), undefined);
      assert.notEqual(await groups.restore("kept"), undefined);
    },
  },
  {
    name: "a group expires as results do",
    async run(stage) {
      const { groups } = await stage.open(SHORT_MS);
      await groups.save(groupOf("g", [task("a")]));
      assert.notEqual(await groups.restore("g"), undefined);
      await stage.eventually(async () => assert.equal(await groups.restore("g"), undefined));
    },
  },
];

function task(id: string): ResultNode {
  return { id, parent: null, members: null };
}

function groupOf(id: string, members: readonly ResultNode[]): ResultNode {
  return { id, parent: null, members };
}

import fc from "fast-check";
import { expect, it } from "vitest";
import { Chain, type Link } from "../../../src/util/chain.ts";

interface Member extends Link<Member> {
  readonly id: number;
}

it("keeps its members in the order in which they came, whoever leaves", () => {
  const steps = fc.array(fc.oneof(fc.constant("append" as const), fc.nat({ max: 20 })));
  fc.assert(
    fc.property(steps, (all) => {
      const chain = new Chain<Member>();
      let members: Member[] = [];
      for (const [id, step] of all.entries()) {
        if (step === "append") {
          const member: Member = { id, previous: undefined, next: undefined };
          chain.append(member);
          members.push(member);
        } else {
          const leaving = members[step % Math.max(members.length, 1)];
          if (leaving === undefined) continue;
          chain.remove(leaving);
          members = members.filter((member) => member !== leaving);
        }
        expect([...membersOf(chain)]).toEqual(members.map((member) => member.id));
      }
    }),
  );
});

function* membersOf(chain: Chain<Member>): Generator<number> {
  for (let member = chain.first; member !== undefined; member = member.next) yield member.id;
}

import { describe, expect, it } from "vitest";
import { NOWHERE, Roster, type Member } from "../../../src/util/roster.ts";

interface Named extends Member {
  readonly name: string;
}

describe("Roster", () => {
  it("has who was added and not deleted, however often that is said", () => {
    const [a, b, c] = ["a", "b", "c"].map(named) as [Named, Named, Named];
    const roster = new Roster<Named>();
    for (const member of [a, b, c, b]) roster.add(member);
    expect(namesIn(roster)).toEqual(["a", "b", "c"]);
    expect([roster.delete(a), roster.delete(a), roster.size]).toEqual([true, false, 2]);
    expect([a, b, c].map((member) => roster.has(member))).toEqual([false, true, true]);
    roster.add(a);
    expect([roster.delete(c), roster.delete(b), roster.delete(a), roster.size]).toEqual([true, true, true, 0]);
  });

  it("is gone through as it was, though its members leave meanwhile", () => {
    const roster = new Roster<Named>();
    for (const name of ["a", "b", "c", "d"]) roster.add(named(name));
    const met: string[] = [];
    for (const member of roster) {
      met.push(member.name);
      roster.delete(member);
    }
    expect(met.toSorted()).toEqual(["a", "b", "c", "d"]);
    expect(roster.size).toBe(0);
  });

  it("does not take one for its own that stands at the same place of another", () => {
    const [mine, other] = [new Roster<Named>(), new Roster<Named>()];
    const [a, b] = [named("a"), named("b")];
    mine.add(a);
    other.add(b);
    expect([mine.has(b), mine.delete(b), mine.has(a), other.has(b)]).toEqual([false, false, true, true]);
  });
});

function named(name: string): Named {
  return { name, place: NOWHERE };
}

function namesIn(roster: Roster<Named>): readonly string[] {
  return [...roster].map(({ name }) => name).toSorted();
}

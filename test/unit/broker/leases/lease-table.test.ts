import { describe, expect, it } from "vitest";
import { LeaseTable, renewTable, TableView, type TableMemory } from "../../../../src/broker/leases/lease-table.ts";

const NOW = 1_000_000;

describe("LeaseTable", () => {
  it("shows another reader of its memory what is held, and nothing that was released", async () => {
    const { table, read } = setUp();
    const slots = ["1:1", "22:3", "ünïcode 🥕"].map((receipt) => table.hold(receipt, NOW));
    table.release(slots[1] ?? -1);
    expect(await read()).toEqual(["1:1", "ünïcode 🥕"]);
    table.hold("4:4", NOW);
    expect((await read()).toSorted()).toEqual(["1:1", "4:4", "ünïcode 🥕"]);
  });

  it("grows by slots and by width, and keeps what stands in it", async () => {
    const { table, read, memories } = setUp();
    const receipts = Array.from({ length: 1_000 }, (_, index) => `${index}:1`);
    const slots = receipts.map((receipt) => table.hold(receipt, NOW + 1));
    const long = "k".repeat(10_000);
    table.hold(long, NOW);
    expect(slots.every((slot) => table.renewedAt(slot) === NOW + 1)).toBe(true);
    expect((await read()).toSorted()).toEqual([...receipts, long].toSorted());
    expect(memories.length).toBeGreaterThan(1);
    expect(new Set(slots).size).toBe(receipts.length);
  });

  it("notes when each was renewed, and which were lost", async () => {
    const { table, memories } = setUp();
    const [held, lost] = [table.hold("held", NOW), table.hold("lost", NOW)];
    const view = new TableView(memories.at(-1) ?? table.view.memory);
    expect(
      await renewTable(
        view,
        async () => ["lost"],
        () => NOW + 5,
      ),
    ).toBe(1);
    expect([table.renewedAt(held), table.isLost(held), table.isLost(lost)]).toEqual([NOW + 5, false, true]);
  });

  it("takes a slot's next holder for no party to a renewal that was under way", async () => {
    const { table } = setUp();
    const slot = table.hold("old", NOW);
    await renewTable(
      table.view,
      async (receipts) => {
        table.release(slot);
        expect(table.hold("new", NOW + 9)).toBe(slot);
        return receipts;
      },
      () => NOW + 5,
    );
    expect([table.renewedAt(slot), table.isLost(slot)]).toEqual([NOW + 9, false]);
  });

  it("asks nobody when nothing is held", async () => {
    const { table } = setUp();
    table.release(table.hold("a", NOW));
    expect(
      await renewTable(
        table.view,
        () => Promise.reject(new Error("asked")),
        () => NOW,
      ),
    ).toBe(0);
  });
});

function setUp() {
  const memories: TableMemory[] = [];
  const table = new LeaseTable((memory) => memories.push(memory));
  memories.push(table.view.memory);
  const read = async (): Promise<readonly string[]> => {
    let found: readonly string[] = [];
    const note = async (receipts: readonly string[]): Promise<readonly string[]> => {
      found = receipts;
      return [];
    };
    await renewTable(new TableView(memories.at(-1) ?? table.view.memory), note, () => NOW);
    return found;
  };
  return { table, read, memories };
}

import { expect, it } from "vitest";
import { Canvases } from "../support/canvas-model/canvases.ts";
import { chain, chord, group, task, type Canvas } from "../support/canvas-model/canvas.ts";
import { openTestBed, TEST_BEDS } from "../support/test-apps.ts";

const say = (name: string): Canvas => task(name);
const fails = (name: string): Canvas => task(name, { fate: "fails" });
const heard = (name: string): Canvas => task(name, { errbacks: [`${name}-errback`] });
/** So many that they are stored, and named in messages. */
const many = (): Canvas => chain(...Array.from({ length: 12 }, (_, index) => heard(`step${String(index)}`)));

/** Canvases that went wrong when they were generated. */
const FOUND: Readonly<Record<string, () => Canvas>> = {
  "a member of a chord, with a group and a long chain behind what failed in it": () =>
    chord([say("a"), chain(chord([fails("b")], group(say("c"))), many(), say("d"))], say("e")),
  "a long group for the body of a chord that fails": () =>
    chord([chain(group(fails("a"), say("b")), say("c"))], group(many(), chord([say("d")], heard("e")))),
  "a chain that ends in a group for the body of a chord that fails": () =>
    chain(chord([fails("a")], heard("b")), group(say("c"), say("d"))),
  "a chain within a group for the body of a chord that fails": () =>
    chord([fails("a")], group(chain(heard("b"), say("c")), say("d"))),
};

it.each(TEST_BEDS.flatMap((bed) => Object.keys(FOUND).map((name) => [bed, name] as const)))(
  "on %s: %s",
  async (bedName, name) => {
    await using bed = await openTestBed(bedName);
    const canvases = new Canvases(bed.app());
    await bed.worker(canvases.app, { concurrency: 8 });
    expect(await canvases.deviationsOf([(FOUND[name] as () => Canvas)()])).toEqual([]);
  },
);

import { expect } from "vitest";
import { Celeriac, type GroupResult } from "celeriac";
import { redis } from "celeriac/redis";
import { groupNode, metaOf, taskNode } from "../support/canvas-results.ts";
import { eventually } from "../support/eventually.ts";
import { QuickClock } from "../support/quick-clock.ts";
import { FAULTS, FaultyPlace } from "../support/redis-faults/faults.ts";
import { describe, it } from "../support/with-redis.ts";

/** The deadlines of 5 s become 1 s. */
const SPEED = 5;

const LASTING = FAULTS.filter(({ losesData, answersMeanwhile }) => losesData !== true && answersMeanwhile !== true);

describe.concurrent.each(LASTING)("$name", ({ happen, heal }) => {
  it("while a group is waited for only delays its values", async () => {
    await using place = await FaultyPlace.open();
    const adapter = redis({ url: place.url });
    const clock = new QuickClock(SPEED);
    await using app = new Celeriac({ broker: adapter, resultBackend: adapter }, { env: {}, clock });
    await using elsewhere = new Celeriac(
      { broker: place.server.url, resultBackend: place.server.url },
      { env: {}, clock },
    );
    const group = app.resultOf(
      groupNode(
        "g",
        ["a", "b", "c"].map((id) => taskNode(id)),
      ),
    ) as GroupResult;
    const store = async (id: string): Promise<void> => {
      await (await elsewhere.resultBackend()).store([metaOf(id, id)]);
    };
    const values = group.get();
    const members = group.iterate();
    await store("c");
    expect((await members.next()).value).toMatchObject({ index: 2, value: "c" });
    await happen(place);
    const early = store("a").catch(() => undefined); // not where it is the server that is away
    await expect(group.progress()).rejects.toMatchObject({ code: "CELERIAC_RESULT_BACKEND_UNAVAILABLE" });
    await heal(place);
    await early;
    for (const id of ["a", "b"]) await eventually(() => store(id), { timeoutMs: 10_000 });
    expect(await values).toEqual(["a", "b", "c"]);
    expect((await Promise.all([members.next(), members.next(), members.next()])).map(({ done }) => done)).toEqual([
      false,
      false,
      true,
    ]);
  });
});

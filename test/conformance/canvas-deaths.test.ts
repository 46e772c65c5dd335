import { describe, expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { Worker } from "celeriac/worker";
import { Canvases } from "../support/canvas-model/canvases.ts";
import { fated, SHAPES } from "../support/canvas-model/shapes.ts";
import type { CanvasNews } from "../support/canvas-worker.ts";
import { Child } from "../support/child-process.ts";
import { eventually } from "../support/eventually.ts";
import { placeAt, SHARED_PLACES } from "../support/shared-places.ts";
import { openTestBed } from "../support/test-apps.ts";

const PROGRAM = new URL("../support/canvas-worker.ts", import.meta.url);

/** How long a message stays with a worker that died, in seconds. */
const LEASE_TIMEOUT = 1;

const WAIT = { timeoutMs: 20_000 };

/** Each shape once for each of its tasks, in which the worker dies. */
const CANVASES = Object.values(SHAPES).flatMap((shape) => [...fated(shape, "killed").values()]);

describe("canvases whose worker dies while it runs one of their tasks", () => {
  it.each(Object.entries(SHARED_PLACES))("go on with another, on %s", { timeout: 90_000 }, async (_, open) => {
    await using place = await open();
    const adapter = placeAt(place.url);
    const brokerTransportOptions = { leaseTimeout: LEASE_TIMEOUT };
    await using app = new Celeriac({ broker: adapter, resultBackend: adapter, brokerTransportOptions }, { env: {} });
    const canvases = new Canvases(app);
    const sent = await sendAll(canvases);
    {
      await using doomed = new Child<CanvasNews>(PROGRAM, [place.url, String(LEASE_TIMEOUT)]);
      await allStuck(canvases, () => doomed.news.filter((news) => "stuck" in news).length);
      await doomed.kill();
      for (const news of doomed.news) {
        if ("run" in news) canvases.journal.run(news.prefix, news.run);
        if ("call" in news) canvases.journal.heard(news.prefix, news.call);
      }
    }
    await using worker = new Worker(app, { livenessThread: false });
    await worker.start();
    await canvases.settled();
    expect(await deviationsOf(canvases, sent)).toEqual([]);
  });

  it("go on with another that has the memory of the first", async () => {
    await using bed = await openTestBed("memory");
    let stuck = 0;
    const die = (): Promise<never> => {
      stuck += 1;
      return new Promise(() => undefined);
    };
    const canvases = new Canvases(bed.app(), { die });
    const sent = await sendAll(canvases);
    const doomed = await bed.worker(canvases.app, { concurrency: 1_000 });
    await allStuck(canvases, () => stuck);
    await doomed.stop({ graceMs: 0, fault: { code: "uncaught-exception", detail: "boom" } });
    await bed.worker(canvases.app);
    await canvases.settled();
    expect(await deviationsOf(canvases, sent)).toEqual([]);
  });
});

type Sent = readonly (readonly [(typeof CANVASES)[number], string])[];

function sendAll(canvases: Canvases): Promise<Sent> {
  return Promise.all(CANVASES.map(async (canvas) => [canvas, await canvases.send(canvas)] as const));
}

/** Resolves once each canvas has come to its task, and to nothing else. */
function allStuck({ app }: Canvases, count: () => number): Promise<void> {
  return eventually(async () => {
    expect(count()).toBe(CANVASES.length);
    const broker = await app.broker();
    expect(await broker.inspect("celery")).toMatchObject({ ready: 0, delayed: 0, unacked: CANVASES.length });
  }, WAIT);
}

async function deviationsOf(canvases: Canvases, sent: Sent): Promise<readonly string[]> {
  const each = sent.map(([canvas, prefix]) => canvases.deviations(canvas, prefix));
  return (await Promise.all(each)).flat();
}

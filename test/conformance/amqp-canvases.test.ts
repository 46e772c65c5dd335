import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Celeriac } from "celeriac";
import { amqp } from "celeriac/amqp";
import { Worker } from "celeriac/worker";
import { Random } from "../../chaos/random.ts";
import type { Adapter } from "../../src/adapters/adapter.ts";
import { chord as chordOf } from "../../src/canvas/chord.ts";
import { silentLogger as log } from "../../src/util/logger.ts";
import type { Canvas, Fate } from "../support/canvas-model/canvas.ts";
import { Canvases } from "../support/canvas-model/canvases.ts";
import { generateCanvas } from "../support/canvas-model/generate.ts";
import { DIFFERENCES } from "../support/canvas-model/quirks.ts";
import { fated, REPLACEMENTS, SHAPES } from "../support/canvas-model/shapes.ts";
import { eventually } from "../support/eventually.ts";
import { HAS_POSTGRES } from "../support/postgres-places.ts";
import { ownPlaceInPostgres } from "../support/postgres-of-file.ts";
import { RabbitVhost, SHARED_RABBITMQ } from "../support/rabbitmq-vhost.ts";
import { HAS_REDIS } from "../support/redis.ts";
import { ownPlaceInRedis } from "../support/redis-of-file.ts";

/** What becomes of one task, in every place of every shape. */
const FATES: readonly Fate[] = [
  ...(["fails", "retried", "revoked", "expired", "redelivered"] as const),
  ...Object.values(REPLACEMENTS).map((becomes) => ({ becomes })),
];

const PLACES: Readonly<Record<string, () => Adapter | Promise<Adapter>>> = {
  ...(HAS_REDIS ? { redis: ownPlaceInRedis } : {}),
  ...(HAS_POSTGRES ? { postgres: ownPlaceInPostgres } : {}),
};

/** So many at once. */
const BATCH = 50;

const PATIENCE = { timeoutMs: 60_000, pauseMs: 300 };

describe.skipIf(SHARED_RABBITMQ === "").each(Object.entries(PLACES))(
  "canvases by rabbitmq, with results in %s",
  (_, openResults) => {
    let vhost: RabbitVhost;
    let canvases: Canvases;
    let worker: Worker;
    beforeAll(async () => {
      vhost = await RabbitVhost.open();
      const app = new Celeriac(
        { broker: amqp({ url: vhost.url }), resultBackend: await openResults() },
        { env: {}, log },
      );
      canvases = new Canvases(app);
      worker = new Worker(app, { livenessThread: false, concurrency: 8 });
      await worker.start();
    });
    afterAll(async () => {
      await worker.stop({ graceMs: 0 });
      await canvases.app.close();
      await vhost[Symbol.asyncDispose]();
    });

    /** AMQP does not tell what is delayed or held: it is waited for what is to come, and then for the server's own count, which is some seconds old. */
    async function deviationsOf(all: readonly Canvas[]): Promise<readonly string[]> {
      const sent: { readonly canvas: Canvas; readonly prefix: string }[] = [];
      const look = async (from = 0): Promise<readonly string[]> =>
        (await Promise.all(sent.slice(from).map(({ canvas, prefix }) => canvases.deviations(canvas, prefix)))).flat();
      for (let from = 0; from < all.length; from += BATCH) {
        const batch = all.slice(from, from + BATCH);
        sent.push(
          ...(await Promise.all(batch.map(async (canvas) => ({ canvas, prefix: await canvases.send(canvas) })))),
        );
        await eventually(async () => expect(await look(from)).toEqual([]), PATIENCE);
      }
      await eventually(async () => {
        for (const { name, messages } of await vhost.queues()) expect([name, messages]).toEqual([name, 0]);
      }, PATIENCE);
      return look();
    }

    it("end as Celery defines, whatever becomes of any of their tasks", { timeout: 120_000 }, async () => {
      const shapes = Object.values(SHAPES);
      const others = shapes.flatMap((shape) => FATES.flatMap((fate) => [...fated(shape, fate).values()]));
      const all = [...shapes, ...others.filter((_, index) => index % 7 === 0)];
      expect(await deviationsOf(all)).toEqual([]);
    });

    it("end where Celery's do not, or otherwise", { timeout: 120_000 }, async () => {
      expect(await deviationsOf(DIFFERENCES.map(({ canvas }) => canvas))).toEqual([]);
    });

    it("that are generated do what the model says", { timeout: 120_000 }, async () => {
      const random = new Random(11);
      const fates = ["fails", "retried", "revoked", "expired", "redelivered", "replaced"] as const;
      expect(await deviationsOf(Array.from({ length: 20 }, () => generateCanvas(random, { fates })))).toEqual([]);
    });
  },
);

it.skipIf(SHARED_RABBITMQ === "")(
  "a chord is refused before anything of it is sent, where results go to who asked",
  async () => {
    await using vhost = await RabbitVhost.open();
    const app = new Celeriac({ broker: vhost.url, resultBackend: "rpc://" }, { env: {}, log });
    const task = app.task("test.any", () => 1);
    const refused = app.send(chordOf([task.s(), task.s()], app.signature("test.body")));
    await expect(refused).rejects.toMatchObject({ name: "ResultBackendUnsupportedError" });
    expect((await vhost.queues()).filter(({ name }) => name === "celery")).toEqual([]);
    await app.close();
  },
);

import { describe, expect, it } from "vitest";
import type { WorkerFields } from "../../../src/events/event.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { packageVersion } from "../../../src/util/package-version.ts";
import { Heart } from "../../../src/worker/heart.ts";

function bench() {
  const clock = new FakeClock();
  const start = clock.now();
  const sent: { type: string; at: number; fields: WorkerFields }[] = [];
  const dispatcher = {
    isAway: false,
    send: (type: string, fields: unknown) => {
      sent.push({ type, at: (clock.now() - start) / 1000, fields: fields as WorkerFields });
    },
  };
  const running = { size: 0 };
  const totals = { total: 0 };
  const heart = new Heart({ dispatcher, intervalMs: 2_000, running, totals, liveness: () => ({ state: "up" }), clock });
  const times = () => sent.map(({ type, at }) => `${type} ${at}`);
  return { clock, dispatcher, running, totals, heart, sent, times };
}

describe("a worker's heart", () => {
  it("tells that it begins, beats, and ends", async () => {
    const { heart, clock, times } = bench();
    heart.begin();
    heart.begin();
    await clock.advance(4_500);
    heart[Symbol.dispose]();
    heart[Symbol.dispose]();
    await clock.advance(10_000);
    expect(times()).toEqual(["worker-online 0", "worker-heartbeat 2", "worker-heartbeat 4", "worker-offline 4.5"]);
    expect(clock.sleeping).toBe(0);
  });

  it("tells how busy the worker is, and what it is", async () => {
    const { heart, running, totals, sent } = bench();
    running.size = 3;
    totals.total = 12;
    heart.beat();
    const [{ fields } = { fields: undefined }] = sent;
    const { loadavg, ...rest } = fields as WorkerFields;
    expect(rest).toEqual({
      freq: 2,
      active: 3,
      processed: 12,
      sw_ident: "celeriac",
      sw_ver: packageVersion(),
      liveness: { state: "up" },
      sw_sys: process.platform === "linux" ? "Linux" : (expect.any(String) as string),
    });
    expect(loadavg).toHaveLength(3);
  });

  it("is silent while the broker is away", async () => {
    const { heart, clock, dispatcher, times } = bench();
    heart.begin();
    dispatcher.isAway = true;
    await clock.advance(60_000);
    dispatcher.isAway = false;
    await clock.advance(2_000);
    expect(times()).toEqual(["worker-online 0", "worker-heartbeat 62"]);
    heart[Symbol.dispose]();
  });

  it("that has not begun says no goodbye, and does not begin afterwards", () => {
    const { heart, sent } = bench();
    heart[Symbol.dispose]();
    heart.begin();
    expect(sent).toEqual([]);
  });
});

import assert from "node:assert/strict";
import { KeyLostError } from "../../broker/errors.ts";
import { KeyHolder } from "../../broker/key-holder.ts";
import type { KeyStore } from "../../broker/key-store.ts";
import type { Turn } from "../../broker/turns.ts";
import type { Clock } from "../../util/clock.ts";
import { systemClock } from "../../util/clock.ts";
import { register } from "./cases.ts";
import type { Case, Skip, TestFunction } from "./cases.ts";
import { silentLogger } from "../../util/logger.ts";
import { eventually, inTime } from "./waiting.ts";

export interface KeyStoreExercise {
  /** Registers a test: vitest's `it`, `node:test`'s `test`. */
  readonly test: TestFunction;
  /** A place for keys that no other test uses. */
  readonly createPlace: () => Promise<KeyPlace>;
  /** @default the system clock */
  readonly clock?: Clock;
  /** Tests, by the name behind "subject: ", that this key store cannot pass. */
  readonly skip?: readonly Skip[];
}

/** Where keys are kept: a database, a server. Disposing of it removes them. */
export interface KeyPlace extends AsyncDisposable {
  /** A key store on this place. Every call makes another one, as another process would. Disposed by the suite. */
  createKeyStore(): KeyStore;
}

const LONG_MS = 3_600_000;
/** Long enough for a slow machine to look before it is over. */
const SHORT_MS = 1_500;

/** The definition of `KeyStore` in tests. Each test has a place of its own. */
export function exerciseKeyStore(subject: string, exercise: KeyStoreExercise): void {
  const { test, createPlace, clock = systemClock, skip } = exercise;
  register({ subject, cases, test, skip, open: async () => new KeyStage(await createPlace(), clock) });
}

/** Two key stores on one place. */
class KeyStage implements AsyncDisposable {
  readonly keys: KeyStore;
  readonly others: KeyStore;
  readonly clock: Clock;
  readonly #place: KeyPlace;

  constructor(place: KeyPlace, clock: Clock) {
    this.keys = place.createKeyStore();
    this.others = place.createKeyStore();
    this.clock = clock;
    this.#place = place;
  }

  readonly eventually = (check: () => Promise<void> | void): Promise<void> => eventually(this.clock, check);

  /** On `keys`, with claims that live shortly. */
  readonly holder = (): KeyHolder =>
    new KeyHolder({ keys: this.keys, clock: this.clock, log: silentLogger, ttlMs: SHORT_MS });

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keys[Symbol.asyncDispose]();
    await this.others[Symbol.asyncDispose]();
    await this.#place[Symbol.asyncDispose]();
  }
}

const cases: readonly Case<KeyStage>[] = [
  {
    name: "whether there may be keys with a beginning is never denied when there are, whoever claimed them",
    async run({ keys, others }) {
      assert.equal(await keys.mayHave("revoked:"), false);
      await others.claim("revoked:1", "me", LONG_MS);
      assert.equal(await keys.mayHave("revoked:"), true);
      assert.equal(await keys.mayHave("revoked:1"), true);
    },
  },
  {
    name: "a claimed key is its owner's, and every key store sees that",
    async run({ keys, others }) {
      assert.equal(await keys.claim("key", "me", LONG_MS, "value"), true);
      assert.equal(await keys.claim("bare", "me", LONG_MS), true);
      const found = await others.read(["bare", "key", "unknown", "key"]);
      assert.deepEqual(found.get("key"), { owner: "me", value: "value" });
      assert.deepEqual(found.get("bare"), { owner: "me", value: undefined });
      assert.equal(found.size, 2);
    },
  },
  {
    name: "nobody else can claim, renew or release a living claim",
    async run({ keys, others }) {
      await keys.claim("key", "me", LONG_MS, "mine");
      assert.equal(await others.claim("key", "thief", LONG_MS, "stolen"), false);
      assert.equal(await others.renew("key", "thief", LONG_MS), false);
      assert.equal(await others.release("key", "thief"), false);
      assert.deepEqual((await keys.read(["key"])).get("key"), { owner: "me", value: "mine" });
    },
  },
  {
    name: "claiming one's own key again replaces the value",
    async run({ keys }) {
      await keys.claim("key", "me", LONG_MS, "old");
      assert.equal(await keys.claim("key", "me", LONG_MS, "new"), true);
      assert.equal((await keys.read(["key"])).get("key")?.value, "new");
      assert.equal(await keys.claim("key", "me", LONG_MS), true);
      assert.equal((await keys.read(["key"])).get("key")?.value, undefined);
    },
  },
  {
    name: "a released key is free",
    async run({ keys, others }) {
      await keys.claim("key", "me", LONG_MS, "mine");
      assert.equal(await keys.release("key", "me"), true);
      assert.equal(await keys.release("key", "me"), false);
      assert.equal((await others.read(["key"])).size, 0);
      assert.equal(await others.claim("key", "you", LONG_MS), true);
    },
  },
  {
    name: "a claim that nobody renews expires, and is then neither held nor renewed nor released",
    async run({ keys, others, eventually }) {
      await keys.claim("key", "me", SHORT_MS, "mine");
      assert.equal((await others.read(["key"])).size, 1);
      await eventually(async () => assert.equal((await others.read(["key"])).size, 0));
      assert.equal(await keys.renew("key", "me", LONG_MS), false);
      assert.equal(await keys.release("key", "me"), false);
      assert.equal((await keys.read(["key"])).size, 0);
      assert.equal(await others.claim("key", "you", LONG_MS), true);
    },
  },
  {
    name: "a renewed claim lives on with its value",
    async run({ keys, others, eventually }) {
      await keys.claim("renewed", "me", SHORT_MS, "mine");
      await keys.claim("again", "me", SHORT_MS);
      await keys.claim("marker", "me", SHORT_MS);
      assert.equal(await keys.renew("renewed", "me", LONG_MS), true);
      assert.equal(await keys.claim("again", "me", LONG_MS), true);
      await eventually(async () => assert.equal((await others.read(["marker"])).size, 0));
      assert.deepEqual((await others.read(["renewed"])).get("renewed"), { owner: "me", value: "mine" });
      assert.equal((await others.read(["again"])).size, 1);
    },
  },
  {
    name: "a renewal may shorten a claim",
    async run({ keys, others, eventually }) {
      await keys.claim("key", "me", LONG_MS);
      assert.equal(await keys.renew("key", "me", SHORT_MS), true);
      await eventually(async () => assert.equal((await others.read(["key"])).size, 0));
    },
  },
  {
    name: "a key that was never claimed can be neither renewed nor released",
    async run({ keys }) {
      assert.equal(await keys.renew("key", "me", LONG_MS), false);
      assert.equal(await keys.release("key", "me"), false);
      assert.equal((await keys.read([])).size, 0);
    },
  },
  {
    name: "of fifty that claim at once, one wins",
    async run({ keys, others }) {
      const owners = Array.from({ length: 50 }, (_, index) => `owner-${index}`);
      const won = await Promise.all(
        owners.map((owner, index) => (index % 2 === 0 ? keys : others).claim("key", owner, LONG_MS, owner)),
      );
      const winners = owners.filter((_, index) => won[index]);
      assert.equal(winners.length, 1);
      assert.deepEqual((await keys.read(["key"])).get("key"), { owner: winners[0], value: winners[0] });
    },
  },
  {
    name: "keys, owners and values may hold any characters",
    async run({ keys, others }) {
      const texts = ["ünïcode-🥕", "with blank", "'; DROP TABLE keys; --", "a%b_c*", "__proto__", '{"json": [1]}'];
      for (const text of texts) assert.equal(await keys.claim(text, text, LONG_MS, text), true);
      await keys.claim("empty", "me", LONG_MS, "");
      const found = await others.read([...texts, "empty"]);
      for (const text of texts) assert.deepEqual(found.get(text), { owner: text, value: text });
      assert.deepEqual(found.get("empty"), { owner: "me", value: "" });
    },
  },
  {
    name: "thousands of keys are read at once",
    async run({ keys, others }) {
      const names = Array.from({ length: 2_000 }, (_, index) => `key-${index}`);
      await Promise.all(names.map((name) => keys.claim(name, "me", LONG_MS, name)));
      const found = await others.read(names);
      assert.equal(found.size, names.length);
      assert.equal(found.get("key-1999")?.value, "key-1999");
    },
  },
  {
    name: "a held key is kept for as long as it is held, whatever it is called, and free after that",
    async run({ clock, others, holder }) {
      await using own = holder();
      const names = ["key", "ünïcode-🥕", "long ".repeat(500), '["json"]'];
      const held = await Promise.all(names.map((name) => own.take(name, { owner: "me", value: "mine" })));
      await clock.sleep(2 * SHORT_MS);
      const found = await others.read(names);
      for (const name of names) assert.deepEqual(found.get(name), { owner: "me", value: "mine" });
      for (const key of held) {
        await key?.confirm();
        assert.equal(key?.lost.aborted, false);
        await key.release();
        await key.release();
      }
      assert.equal((await others.read(names)).size, 0);
    },
  },
  {
    name: "a key that is held is nobody else's to take, and free once its holder is gone",
    async run({ others, holder }) {
      const own = holder();
      assert.ok(await own.take("key"));
      await using rival = holder();
      assert.equal(await rival.take("key"), undefined);
      await own[Symbol.asyncDispose]();
      assert.equal((await others.read(["key"])).size, 0);
      assert.ok(await rival.take("key"));
    },
  },
  {
    name: "who holds a key learns that it was lost",
    async run({ clock, keys, others, holder }) {
      await using own = holder();
      const held = await own.take("key", { owner: "me" });
      assert.ok(held);
      // As if its claim had run out while this process was stopped.
      await keys.release("key", "me");
      await others.claim("key", "you", LONG_MS);
      await inTime(clock, aborted(held.lost), "the signal aborts");
      assert.ok(held.lost.reason instanceof KeyLostError);
      await assert.rejects(held.confirm(), KeyLostError);
      await held.release();
      assert.equal((await others.read(["key"])).get("key")?.owner, "you");
    },
  },
  {
    name: "turns come one after the other, whoever takes them, and none that is too far ahead",
    async run({ keys, others }) {
      const rules = { everyMs: LONG_MS, withinMs: 2 * LONG_MS };
      assert.deepEqual(await keys.takeTurn("turns", rules), { isTaken: true, inMs: 0 });
      isAbout(await others.takeTurn("turns", rules), true, LONG_MS);
      isAbout(await keys.takeTurn("turns", rules), true, 2 * LONG_MS);
      isAbout(await others.takeTurn("turns", rules), false, 3 * LONG_MS);
      isAbout(await keys.takeTurn("turns", rules), false, 3 * LONG_MS);
      assert.deepEqual(await keys.takeTurn("others", rules), { isTaken: true, inMs: 0 });
    },
  },
  {
    name: "of fifty that want a turn at once, as many have one as there are, each another one",
    async run({ keys, others }) {
      const rules = { everyMs: 100_000.5, withinMs: 250_000 };
      const turns = await Promise.all(
        Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? keys : others).takeTurn("turns", rules)),
      );
      const taken = turns.filter(({ isTaken }) => isTaken).sort((a, b) => a.inMs - b.inMs);
      assert.equal(taken.length, 3);
      for (const [index, turn] of taken.entries()) isAbout(turn, true, index * rules.everyMs);
    },
  },
  {
    name: "a turn is by the rules of whoever takes it",
    async run({ keys, others }) {
      await keys.takeTurn("slow", { everyMs: LONG_MS, withinMs: 0 });
      isAbout(await others.takeTurn("slow", { everyMs: LONG_MS, withinMs: 0 }), false, LONG_MS);
      isAbout(await others.takeTurn("slow", { everyMs: LONG_MS / 2, withinMs: LONG_MS }), true, LONG_MS / 2);
    },
  },
  {
    name: "the next turn comes in its time, and a turn is no claim",
    async run({ keys, others, eventually }) {
      const rules = { everyMs: SHORT_MS, withinMs: 0 };
      assert.deepEqual(await keys.takeTurn("key", rules), { isTaken: true, inMs: 0 });
      assert.equal((await others.takeTurn("key", rules)).isTaken, false);
      assert.equal(await others.claim("key", "me", LONG_MS, "mine"), true);
      assert.equal((await keys.read(["key"])).get("key")?.value, "mine");
      await eventually(async () => assert.deepEqual(await others.takeTurn("key", rules), { isTaken: true, inMs: 0 }));
      assert.equal((await keys.takeTurn("key", rules)).isTaken, false);
      assert.equal((await keys.read(["key"])).get("key")?.value, "mine");
    },
  },
];

/** Some time goes by between two looks. */
function isAbout({ isTaken, inMs }: Turn, expected: boolean, ms: number): void {
  assert.equal(isTaken, expected);
  assert.ok(inMs <= ms + 1 && inMs > ms - 60_000, `in ${String(inMs)} ms, and not in ${String(ms)}`);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

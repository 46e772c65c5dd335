import assert from "node:assert/strict";

import type { Broadcaster, Listener } from "../../broker/broadcaster.ts";
import type { Message } from "../../message/message.ts";
import type { Exchange, ExchangeType } from "../../routing/topology.ts";
import type { Clock } from "../../util/clock.ts";
import { systemClock } from "../../util/clock.ts";
import { message, uniqueName } from "./broker/stage.ts";
import { register } from "./cases.ts";
import type { Case, Skip, TestFunction } from "./cases.ts";
import { inTime } from "./waiting.ts";

export interface BroadcasterExercise {
  /** Registers a test: vitest's `it`, `node:test`'s `test`. */
  readonly test: TestFunction;
  /** Opens a broadcaster for one test. */
  readonly open: () => Promise<BroadcasterUnderTest>;
  /** @default the system clock */
  readonly clock?: Clock;
  /** Tests, by the name behind "subject: ", that this broadcaster cannot pass. */
  readonly skip?: readonly Skip[];
}

export interface BroadcasterUnderTest {
  readonly broadcaster: Broadcaster;
  /** Another broadcaster object on the same broker, as another process would have. */
  second(): Promise<Broadcaster>;
  dispose(): Promise<void>;
}

/** The definition of `Broadcaster` in tests. Each test opens a broadcaster of its own and uses names of its own. */
export function exerciseBroadcaster(subject: string, exercise: BroadcasterExercise): void {
  const { test, open, clock = systemClock, skip } = exercise;
  register({ subject, cases, test, skip, open: async () => new BroadcasterStage(await open(), clock) });
}

class BroadcasterStage implements AsyncDisposable {
  readonly here: Broadcaster;
  readonly clock: Clock;
  readonly #subject: BroadcasterUnderTest;
  readonly #listeners: Listener[] = [];

  constructor(subject: BroadcasterUnderTest, clock: Clock) {
    this.here = subject.broadcaster;
    this.clock = clock;
    this.#subject = subject;
  }

  second(): Promise<Broadcaster> {
    return this.#subject.second();
  }

  async listen(exchange: Exchange, pattern?: string, broadcaster: Broadcaster = this.here): Promise<Ear> {
    const listener = await broadcaster.listen(exchange, pattern === undefined ? {} : { pattern });
    this.#listeners.push(listener);
    return new Ear(listener, this.clock);
  }

  async say(
    exchange: Exchange,
    text: string,
    routingKey?: string,
    broadcaster: Broadcaster = this.here,
  ): Promise<void> {
    await broadcaster.broadcast(message(text), exchange, routingKey);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) await listener[Symbol.asyncDispose]();
    await this.#subject.dispose();
  }
}

/** Hears step by step. */
class Ear {
  readonly listener: Listener;
  readonly #clock: Clock;
  readonly #iterator: AsyncIterator<Message, unknown>;

  constructor(listener: Listener, clock: Clock) {
    this.listener = listener;
    this.#clock = clock;
    this.#iterator = listener[Symbol.asyncIterator]();
  }

  async next(): Promise<Message> {
    const { done, value } = await inTime(this.#clock, this.#iterator.next(), "a message is heard");
    assert.notEqual(done, true, "the listener ended before a message was heard");
    return value as Message;
  }

  /** What is heard up to a text that the test sends last. */
  async until(last: string): Promise<readonly string[]> {
    const heard: string[] = [];
    for (;;) {
      const text = Buffer.from((await this.next()).body).toString();
      if (text === last) return heard;
      heard.push(text);
    }
  }

  async expectEnd(): Promise<void> {
    const { done } = await inTime(this.#clock, this.#iterator.next(), "the listener ends");
    assert.equal(done, true);
  }
}

/** A key that every pattern used here matches. */
const END = "end";

const cases: readonly Case<BroadcasterStage>[] = [
  {
    name: "a fanout exchange reaches every listener, in order, whatever the key",
    run: async (stage) => {
      const exchange = exchangeOf("fanout");
      const other = await stage.second();
      const ears = [
        await stage.listen(exchange),
        await stage.listen(exchange, "ignored"),
        await stage.listen(exchange, undefined, other),
      ];
      await stage.say(exchange, "1");
      await stage.say(exchange, "2", "some.key");
      await stage.say(exchange, END, "", other);
      for (const ear of ears) assert.deepEqual(await ear.until(END), ["1", "2"]);
    },
  },
  {
    name: "a topic exchange reaches those whose pattern matches, and those without a pattern",
    run: async (stage) => {
      const exchange = exchangeOf("topic");
      const ears = [
        await stage.listen(exchange, "task.#"),
        await stage.listen(exchange, "*.sent"),
        await stage.listen(exchange, "#"),
        await stage.listen(exchange),
      ];
      for (const key of ["task", "task.sent", "worker.sent", "task.sent.late"]) await stage.say(exchange, key, key);
      await stage.say(exchange, END, "task.sent");
      const heard = await Promise.all(ears.map((ear) => ear.until(END)));
      assert.deepEqual(heard, [
        ["task", "task.sent", "task.sent.late"],
        ["task.sent", "worker.sent"],
        ["task", "task.sent", "worker.sent", "task.sent.late"],
        ["task", "task.sent", "worker.sent", "task.sent.late"],
      ]);
    },
  },
  {
    name: "a direct exchange reaches those who listen for the equal key",
    run: async (stage) => {
      const exchange = exchangeOf("direct");
      const [red, alsoRed] = [await stage.listen(exchange, "red"), await stage.listen(exchange, "red")];
      const nameless = await stage.listen(exchange);
      await stage.say(exchange, "blue", "blue");
      await stage.say(exchange, "*", "*");
      await stage.say(exchange, "red", "red");
      await stage.say(exchange, END, "red");
      await stage.say(exchange, END);
      assert.deepEqual(await red.until(END), ["red"]);
      assert.deepEqual(await alsoRed.until(END), ["red"]);
      assert.deepEqual(await nameless.until(END), []);
    },
  },
  {
    name: "exchanges are apart",
    run: async (stage) => {
      const [one, other] = [exchangeOf("fanout"), exchangeOf("fanout")];
      const ear = await stage.listen(one);
      await stage.say(other, "elsewhere");
      await stage.say(one, END);
      assert.deepEqual(await ear.until(END), []);
    },
  },
  {
    name: "what was said before is not heard, and saying without listeners is fine",
    run: async (stage) => {
      const exchange = exchangeOf("fanout");
      await stage.say(exchange, "too early");
      const ear = await stage.listen(exchange);
      await stage.say(exchange, END);
      assert.deepEqual(await ear.until(END), []);
    },
  },
  {
    name: "it tells how many connections hear, where it can",
    run: async (stage) => {
      const exchange = exchangeOf("fanout");
      assert.ok([0, undefined].includes(await stage.here.broadcast(message("nobody"), exchange)));
      await stage.listen(exchange);
      await stage.listen(exchange, undefined, await stage.second());
      assert.ok([2, undefined].includes(await stage.here.broadcast(message("two"), exchange)));
    },
  },
  {
    name: "a message is heard as it was said",
    run: async (stage) => {
      const exchange = exchangeOf("topic");
      const ear = await stage.listen(exchange, "#", await stage.second());
      const said = message("", {
        body: Uint8Array.from({ length: 256 }, (_, index) => index),
        headers: { hostname: "w1@ü", nested: [1, null, { a: "🙂" }] },
        properties: { correlationId: "id", deliveryMode: 1 },
      });
      await stage.here.broadcast(said, exchange, "worker.heartbeat");
      const { body, ...rest } = await ear.next();
      const { body: saidBody, ...saidRest } = said;
      assert.deepEqual(rest, saidRest);
      assert.ok(Buffer.from(saidBody).equals(body));
    },
  },
  {
    name: "a thousand messages are heard in order",
    run: async (stage) => {
      const exchange = exchangeOf("fanout");
      const ear = await stage.listen(exchange, undefined, await stage.second());
      const texts = Array.from({ length: 1_000 }, (_, index) => String(index));
      for (const text of texts) await stage.say(exchange, text);
      await stage.say(exchange, END);
      assert.deepEqual(await ear.until(END), texts);
    },
  },
  {
    name: "a listener that is disposed ends and hears nothing more; the others go on",
    run: async (stage) => {
      const exchange = exchangeOf("fanout");
      const [leaving, staying] = [await stage.listen(exchange), await stage.listen(exchange)];
      const ending = leaving.expectEnd();
      await leaving.listener[Symbol.asyncDispose]();
      await leaving.listener[Symbol.asyncDispose]();
      await ending;
      await stage.say(exchange, END);
      await leaving.expectEnd();
      assert.deepEqual(await staying.until(END), []);
    },
  },
];

function exchangeOf(type: ExchangeType): Exchange {
  return { name: uniqueName(type), type };
}

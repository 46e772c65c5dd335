import assert from "node:assert/strict";

import type { Consumer, Delivery } from "../../../broker/broker.ts";
import type { Clock } from "../../../util/clock.ts";
import { eventually, inTime } from "../waiting.ts";

/** Reads a consumer step by step; looking whether something comes loses nothing. */
export class Reader {
  readonly consumer: Consumer;
  readonly #clock: Clock;
  readonly #iterator: AsyncIterator<Delivery, unknown>;
  #next: Promise<IteratorResult<Delivery, unknown>> | undefined;

  constructor(consumer: Consumer, clock: Clock) {
    this.consumer = consumer;
    this.#clock = clock;
    this.#iterator = consumer[Symbol.asyncIterator]();
  }

  async next(): Promise<Delivery> {
    const { done, value } = await inTime(this.#clock, this.#result(), "a delivery arrives");
    this.#next = undefined;
    assert.notEqual(done, true, "the iteration ended before a delivery arrived");
    return value as Delivery;
  }

  /** What comes along by itself, without being waited for: its bytes may still be on their way. */
  async polled(): Promise<Delivery> {
    let delivery: Delivery | undefined;
    await eventually(this.#clock, () => {
      delivery ??= this.consumer.poll();
      assert.ok(delivery, "nothing has come along");
    });
    return delivery as Delivery;
  }

  async take(count: number): Promise<readonly Delivery[]> {
    const deliveries: Delivery[] = [];
    while (deliveries.length < count) deliveries.push(await this.next());
    return deliveries;
  }

  /** Takes and acks one; returns its body as text. */
  async text(): Promise<string> {
    const delivery = await this.next();
    await delivery.ack();
    return textOf(delivery);
  }

  /** Takes and acks so many; returns their bodies as text, in their order. */
  async texts(count: number): Promise<readonly string[]> {
    const texts: string[] = [];
    while (texts.length < count) texts.push(await this.text());
    return texts;
  }

  /** Fails when anything arrives within `ms`. */
  async expectSilence(ms: number): Promise<void> {
    const silence = Symbol("silence");
    const waited = new AbortController();
    const wait = this.#clock.sleep(ms, { signal: waited.signal }).then(
      () => silence,
      () => silence,
    );
    const first = await Promise.race([this.#result(), wait]);
    waited.abort();
    if (first !== silence) assert.fail(`something arrived: ${describe(first as IteratorResult<Delivery, unknown>)}`);
  }

  /** Fails when the iteration does not end, or something else comes first. */
  async expectEnd(): Promise<void> {
    const result = await inTime(this.#clock, this.#result(), "the iteration ends");
    assert.equal(result.done, true, `something arrived: ${describe(result)}`);
  }

  #result(): Promise<IteratorResult<Delivery, unknown>> {
    return (this.#next ??= this.#iterator.next());
  }
}

export function textOf(delivery: { readonly message: Delivery["message"] }): string {
  return Buffer.from(delivery.message.body).toString();
}

function describe(result: IteratorResult<Delivery, unknown>): string {
  return result.done === true ? "the end of the iteration" : `"${textOf(result.value)}" from "${result.value.queue}"`;
}

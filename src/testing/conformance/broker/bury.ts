import type { DeadLetter, Delivery } from "../../../broker/broker.ts";
import { textOf } from "./reader.ts";
import type { Reader } from "./reader.ts";
import type { BrokerStage } from "./stage.ts";

/** Sends texts and dead-letters each; returns the dead letters. */
export async function bury(
  stage: BrokerStage,
  queue: string,
  texts: readonly string[],
  codeOf?: (text: string) => string,
): Promise<readonly DeadLetter[]> {
  await stage.send(queue, ...texts);
  const reader = stage.read(queue);
  await buryNext(reader, texts.length, codeOf);
  await reader.consumer[Symbol.asyncDispose]();
  return stage.broker.deadLetters({ queue, limit: texts.length });
}

/** Dead-letters the next deliveries, so many of them. */
export async function buryNext(
  reader: Reader,
  count: number,
  codeOf: (text: string) => string = () => "rejected",
): Promise<void> {
  const bury = (delivery: Delivery): Promise<void> =>
    delivery.deadLetter({ code: codeOf(textOf(delivery)), detail: "" });
  for (let left = count; left > 0; left -= 100) {
    await Promise.all((await reader.take(Math.min(left, 100))).map(bury));
  }
}

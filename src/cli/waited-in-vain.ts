import type { Celeriac } from "../app/celeriac.ts";
import type { Broker } from "../broker/broker.ts";
import type { Signature } from "../canvas/signature.ts";
import { ResultTimeoutError } from "../result/errors.ts";
import { DeadCallError, UnconsumedCallError } from "./errors.ts";
import { within } from "../util/within.ts";
import { findLetter } from "./find-letter.ts";

/** How long the reason is looked for, in milliseconds: there may be very many dead letters. */
const LOOK_MS = 3_000;

/** Throws the error, with the reason where one can be told of a call that did not end in time: it is a dead letter, or nobody consumes. */
export async function explainTimeout(error: unknown, app: Celeriac, call: Signature): Promise<never> {
  if (!(error instanceof ResultTimeoutError)) throw error;
  const { clock } = app;
  const late = (): Error => new Error("too many dead letters to look through");
  // What cannot be told soon is no reason.
  const reasoned = await within({ clock, ms: LOOK_MS, error: late }, () => withReason(error, app, call)).catch(
    () => undefined,
  );
  throw reasoned ?? error;
}

async function withReason(error: ResultTimeoutError, app: Celeriac, call: Signature): Promise<Error | undefined> {
  const broker = await app.broker();
  const letter = await findLetter(broker, ({ message }) => message.properties.correlationId === error.taskId);
  if (letter !== undefined) return new DeadCallError(error, letter);
  const queue = await unconsumedQueueOf(app, call, broker);
  return queue === undefined ? undefined : new UnconsumedCallError(error, queue);
}

async function unconsumedQueueOf(app: Celeriac, call: Signature, broker: Broker): Promise<string | undefined> {
  const [routed] = await app.producer.prepare([call]);
  if (routed?.route.exchange !== "") return undefined;
  const { routingKey: queue } = routed.route;
  const depth = await broker.inspect(queue);
  return depth?.consumers === 0 ? queue : undefined;
}

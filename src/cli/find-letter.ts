import type { Broker, DeadLetter } from "../broker/broker.ts";

/** The first dead letter that is meant, if any. A broker lists them, page by page. */
export async function findLetter(
  broker: Broker,
  isMeant: (letter: DeadLetter) => boolean,
): Promise<DeadLetter | undefined> {
  let after: string | undefined;
  for (;;) {
    const page = await broker.deadLetters({ after });
    const found = page.find(isMeant);
    after = page.at(-1)?.id;
    if (found !== undefined || after === undefined) return found;
  }
}

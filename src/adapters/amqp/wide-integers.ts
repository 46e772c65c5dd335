/** What amqplib writes in 8 bits as every AMQP library reads it, and the most that it writes in 16. */
const [LEAST_NARROW, MOST_PLAIN, MOST_NARROW] = [-0x8000, 0x7f, 0x7fff];

/**
 * Headers whose integers Python reads as they are meant: amqplib writes those of 16 bits as `s`, as RabbitMQ does, which Python's amqp takes for a short string,
 * and its bytes have no sign there. Those of 32 bits, `I`, all take for the same.
 */
export function wideIntegers<T extends object>(headers: T): T {
  return hasNarrow(headers) ? (widened(headers) as T) : headers;
}

function hasNarrow(value: unknown): boolean {
  if (!isContainer(value)) return isNarrow(value);
  return Array.isArray(value) ? value.some(hasNarrow) : Object.values(value).some(hasNarrow);
}

function widened(value: unknown): unknown {
  if (!isContainer(value)) return isNarrow(value) ? { "!": "int", value } : value;
  if (Array.isArray(value)) return value.map(widened);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, widened(one)]));
}

/** Not what amqplib is told the type of: that is a value. */
function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Buffer.isBuffer(value) && !Object.hasOwn(value, "!");
}

function isNarrow(value: unknown): boolean {
  if (typeof value !== "number" || !Number.isInteger(value)) return false;
  return (value >= LEAST_NARROW && value < 0) || (value > MOST_PLAIN && value <= MOST_NARROW);
}

/** What ISO 8601 text says, in the units of Python's `datetime`. */
export interface IsoDateTime {
  /** `2026-11-22`. */
  readonly day: string;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly microsecond: number;
  /** Seconds east of UTC; undefined for a naive one. */
  readonly offset: number | undefined;
  /** The instant in milliseconds since the epoch, a naive one taken as UTC. */
  readonly ms: number;
}

/** What `datetime.isoformat` writes, and the `Z`, the blank and the nanoseconds that others write. */
const ISO =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|([+-])(\d\d):?(\d\d)(?::(\d\d)(?:\.\d{1,6})?)?)?)?$/;

/** Undefined for text of another form, and for days and times that do not exist. */
export function parseIso(text: string): IsoDateTime | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, day = "", hour = "00", minute = "00", second = "00", fraction = "", zone, sign, ...zoneParts] = match;
  const digits = fraction.padEnd(6, "0");
  const localMs = existing(`${day}T${hour}:${minute}:${second}.${digits.slice(0, 3)}Z`);
  const offset = zone === undefined ? undefined : offsetSeconds(sign, zoneParts);
  if (localMs === undefined || Number.isNaN(offset)) return undefined;
  return {
    day,
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    microsecond: Number(digits.slice(0, 6)),
    offset,
    ms: localMs - (offset ?? 0) * 1000,
  };
}

/** NaN for an offset that no clock has. */
function offsetSeconds(sign: string | undefined, parts: readonly (string | undefined)[]): number {
  const [hours = 0, minutes = 0, seconds = 0] = parts.map((part) => Number(part ?? 0));
  if (hours > 23 || minutes > 59 || seconds > 59) return NaN;
  const offset = hours * 3600 + minutes * 60 + seconds;
  return sign === "-" ? -offset : offset;
}

/** Refuses what `Date.parse` carries over into the next month or day, and the year 0, which Python does not have. */
function existing(iso: string): number | undefined {
  const ms = Date.parse(iso);
  return ms >= FIRST_MS && new Date(ms).toISOString() === iso ? ms : undefined;
}

/** The first and the last millisecond that Python's `datetime` has: years 1 to 9999. */
export const FIRST_MS = -62_135_596_800_000;
export const LAST_MS = 253_402_300_799_999;

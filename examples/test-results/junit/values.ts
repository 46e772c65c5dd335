/** The longest duration that is believed, in seconds: twenty days, which a 32-bit column holds in milliseconds. */
const LONGEST_SECONDS = 20 * 86_400;

/** Seconds as `1.25`, or `1,234.5` as older Surefire writes them, in milliseconds; 0 for what is no duration. */
export function readSeconds(text: string | undefined): number {
  const seconds = Number((text ?? "").replaceAll(",", ""));
  return seconds > 0 && seconds <= LONGEST_SECONDS ? Math.round(seconds * 1000) : 0;
}

/** An ISO 8601 time; one without an offset, which several runners write, is taken as UTC. */
export function readTimestamp(text: string | undefined): Date | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)?$/.exec(text ?? "");
  const date = new Date(match === null ? Number.NaN : `${String(match[1])}${match[2] ?? "Z"}`);
  return Number.isNaN(date.getTime()) ? null : date;
}

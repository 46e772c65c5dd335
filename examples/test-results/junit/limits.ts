/** How much one report may ask of the worker. More than this is refused. */
export interface ReportLimits {
  readonly results: number;
  /** Elements inside one another. */
  readonly depth: number;
  readonly attributesPerElement: number;
  /** One attribute's value, in UTF-16 units. */
  readonly attributeLength: number;
  /** What may stand between two tags: text, comments, the attributes of one element. It bounds the parser's memory. */
  readonly tokenLength: number;
}

export const REPORT_LIMITS: ReportLimits = {
  results: 2_000_000,
  depth: 64,
  attributesPerElement: 64,
  attributeLength: 1_000_000,
  tokenLength: 32 * 1024 * 1024,
};

/** How much of a text is kept, in UTF-16 units. Longer ones are cut, not refused. */
export const KEPT = { name: 1_000, message: 4_000, details: 20_000 } as const;

export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

import { encodeJson } from "../message/json.ts";

/** What an error may say, as its property `python`, of the exception that it is to callers in Python. */
export interface PythonForm {
  /** Module of the exception's class, which callers import: `shop.errors`. */
  readonly module: string;
  /** The class's name. @default that of the error's own class */
  readonly type?: string;
  /** What the exception is made with there: plain values. @default the message alone */
  readonly args?: readonly unknown[];
}

/** Bounds of what is taken from one error, in UTF-16 units. */
const MAX_NAME = 200;
const MAX_ARGS = 16_384;

/** The form of an error's property, as far as it is one; undefined for anything else. Throws what reading it throws. */
export function readPythonForm(value: unknown): PythonForm | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { module, type, args } = value as Readonly<Record<string, unknown>>;
  if (!isName(module)) return undefined;
  return { module, ...(isName(type) ? { type } : {}), ...(areStorable(args) ? { args: [...args] } : {}) };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_NAME;
}

/** What has no JSON form, or an endless one, would keep the failure itself from being stored. */
function areStorable(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value) && encodeJson(value).length <= MAX_ARGS;
  } catch {
    return false;
  }
}

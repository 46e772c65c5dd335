import { MASK, maskSecrets, maskUrl } from "../util/mask-url.ts";

/** Whatever may stand in a configuration, as JSON can hold it and without secrets. An adapter is shown as its URL. */
export function shown(value: unknown): unknown {
  if (typeof value === "string") return maskSecrets(maskUrl(value));
  if (typeof value === "function") return `[function ${value.name || "without a name"}]`;
  if (value === undefined || value === null || typeof value === "boolean") return value ?? null;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  return shownObject(value);
}

function shownObject(value: object): unknown {
  if (value instanceof RegExp) return String(value);
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof Map) return [...(value as ReadonlyMap<unknown, unknown>)].map(shown);
  if ("url" in value && typeof value.url === "string") return shown(value.url);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "password" && typeof item === "string" ? MASK : shown(item),
    ]),
  );
}

import { TRANSPORT_INSTEAD } from "./celery-settings.ts";
import type { ResolvedConfig, SentinelKwargs } from "./config.ts";
import { positive, properties, refuse, seconds, structure, text } from "./setting-kinds.ts";
import type { SettingKind } from "./setting-kinds.ts";

type BrokerTransport = ResolvedConfig["brokerTransportOptions"];
type ResultTransport = ResolvedConfig["resultBackendTransportOptions"];

const RESULT_KEYS = ["globalKeyprefix", "masterName", "sentinelKwargs"] as const;
const BROKER_KEYS = ["leaseTimeout", "visibilityTimeout", ...RESULT_KEYS] as const;

export const brokerTransport: SettingKind<BrokerTransport> = structure(expected(BROKER_KEYS), (value) => {
  const { leaseTimeout, visibilityTimeout, ...others } = known(value, BROKER_KEYS);
  return {
    leaseTimeout: optional(timeout, leaseTimeout),
    visibilityTimeout: optional(timeout, visibilityTimeout),
    ...resultTransportOf(others),
  };
});

export const resultTransport: SettingKind<ResultTransport> = structure(expected(RESULT_KEYS), (value) =>
  resultTransportOf(known(value, RESULT_KEYS)),
);

const timeout = positive(seconds, "a message would go to everybody at once");

function resultTransportOf(given: Given<(typeof RESULT_KEYS)[number]>): ResultTransport {
  return {
    globalKeyprefix: optional(text, given.globalKeyprefix),
    masterName: optional(text, given.masterName),
    sentinelKwargs: optional(sentinelKwargs, given.sentinelKwargs),
  };
}

const sentinelKwargs: SettingKind<SentinelKwargs> = structure("{ username, password }", (value) => {
  const { username, password } = properties(value, ["username", "password"]);
  return {
    ...(username === undefined ? {} : { username: text.read(username) }),
    ...(password === undefined ? {} : { password: text.read(password) }),
  };
});

type Given<K extends string> = Readonly<Partial<Record<K, unknown>>>;

/** Options of Celery's that are not needed here are refused with the reason. */
function known<const K extends string>(value: unknown, keys: readonly K[]): Given<K> {
  for (const name of Object.keys(value ?? {})) {
    const instead = TRANSPORT_INSTEAD.get(name);
    if (instead !== undefined) refuse(`Celeriac does not have "${name}": ${instead}`);
  }
  return properties(value, keys);
}

function optional<T>(kind: SettingKind<T>, value: unknown): T | undefined {
  return value === undefined ? undefined : kind.read(value);
}

function expected(keys: readonly string[]): string {
  return `{ ${keys.join(", ")} }`;
}

import type { Resolution, ValueOrigin } from "./resolve-config.ts";
import type { SettingKey } from "./settings.ts";
import { shown } from "./show-value.ts";

/** One option of `config --explain`. */
export interface ExplainedSetting {
  readonly key: SettingKey;
  /** As JSON can hold it, without secrets. */
  readonly value: unknown;
  /** `default`, or where the value was given: `environment CELERY_BROKER_URL`. */
  readonly source: string;
  /** Where else it was given, to no effect. */
  readonly overrides: readonly string[];
}

/** Every option with its effective value and where that comes from. */
export function explainConfig({ config, sources }: Resolution): readonly ExplainedSetting[] {
  return [...sources].map(([key, { overrides, ...origin }]) => ({
    key,
    value: shown(config[key]),
    source: showOrigin(origin),
    overrides: overrides.map(showOrigin),
  }));
}

function showOrigin({ source, name }: ValueOrigin): string {
  return source === "default" ? source : `${source} ${name}`;
}

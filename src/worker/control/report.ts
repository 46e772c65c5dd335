import { arch, release, type } from "node:os";
import type { Celeriac } from "../../app/celeriac.ts";
import { explainConfig } from "../../app/explain-config.ts";
import { packageVersion } from "../../util/package-version.ts";

/** The newest release of Celery whose workers it is tested with. */
const SPOKEN = "5.7";

/** What a report of a bug should tell. Celery: `celery/app/utils.py:bugreport`. */
export function report(app: Celeriac): string {
  const given = explainConfig(app.resolution).filter(({ source }) => source !== "default");
  const lines = [
    `software -> celery:${SPOKEN} (spoken by celeriac:${packageVersion()}) node:${process.versions.node} v8:${process.versions.v8}`,
    `platform -> system:${type()} release:${release()} arch:${arch()}`,
    `app -> ${app.name}, ${String(app.tasks.runnable().length)} tasks`,
    "settings ->",
    ...given.map(({ key, value, source }) => `  ${key}: ${JSON.stringify(value)} (${source})`),
  ];
  return lines.join("\n");
}

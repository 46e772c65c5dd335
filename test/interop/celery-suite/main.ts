/**
 * `npm run celery-suite`: Celery's own integration tests as the client of a worker of ours, all of them or those that pytest's arguments select.
 *
 *     npm run celery-suite -- test_canvas.py -k chord     of that file, what has "chord" in its name
 *     npm run celery-suite -- --broker rabbitmq           with the messages on a RabbitMQ and the results in a Redis
 *     npm run -s celery-suite -- --print-worker           nothing but the shell command that starts the worker
 */
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { celerySource } from "../../support/celery-source.ts";
import { CelerySuite, WORKER_COMMAND, type SuiteBroker, type SuiteOutcome } from "../../support/celery-suite.ts";
import { setup } from "../../support/global/celery-tools.ts";
import { provideRabbitMq } from "../../support/services.ts";

const SIGNS = { passed: "✓", failed: "✗", skipped: "-" };

const args = process.argv.slice(2);
if (args.includes("--print-worker")) console.log(WORKER_COMMAND);
else await runOn(takeBroker(args));

/** The broker that the arguments name; they are pytest's from then on. */
function takeBroker(all: string[]): SuiteBroker {
  const at = all.indexOf("--broker");
  if (at < 0) return "redis";
  const [, name] = all.splice(at, 2);
  if (name === "redis" || name === "rabbitmq") return name;
  throw new Error(`--broker is redis or rabbitmq, and not ${String(name)}.`);
}

async function runOn(broker: SuiteBroker): Promise<void> {
  await setup();
  if (celerySource() === "") throw new Error("Celery's tests cannot be run here: see above.");
  const stop = broker === "rabbitmq" ? await provideRabbitMq() : undefined;
  try {
    await runSuite(broker);
  } finally {
    await stop?.();
  }
}

async function runSuite(broker: SuiteBroker): Promise<void> {
  const tests = await CelerySuite.tests(args);
  const outcomes: SuiteOutcome[] = [];
  const note = (outcome: SuiteOutcome): void => {
    outcomes.push(outcome);
    tell(outcome);
  };
  const suite = await CelerySuite.start(args, { broker, tell: note });
  await suite.ended;
  await suite[Symbol.asyncDispose]();
  const isThrough = new Set(outcomes.map(({ name }) => name));
  for (const name of tests.filter((test) => !isThrough.has(test)))
    outcomes.push({ name, outcome: "failed", detail: "pytest has not run it", seconds: 0 });
  await tellAll(outcomes, suite.log);
}

function tell({ name, outcome, detail, seconds }: SuiteOutcome): void {
  const why = outcome === "skipped" ? `: ${detail}` : "";
  console.log(`${SIGNS[outcome]} ${name}${why} (${seconds.toFixed(1)} s)`);
}

async function tellAll(outcomes: readonly SuiteOutcome[], log: string): Promise<void> {
  const failed = outcomes.filter(({ outcome }) => outcome === "failed");
  for (const { name, detail } of failed) console.log(`\n✗ ${name}\n${detail}`);
  const file = join(tmpdir(), `celery-suite-${String(process.pid)}.log`);
  await writeFile(file, log);
  console.log(`\nWhat pytest and the worker have said is in ${file}.`);
  const count = (wanted: SuiteOutcome["outcome"]): number =>
    outcomes.filter(({ outcome }) => outcome === wanted).length;
  console.log(`${count("passed")} passed, ${failed.length} failed, ${count("skipped")} skipped`);
  process.exitCode = failed.length === 0 && outcomes.length > 0 ? 0 : 1;
}

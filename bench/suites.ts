import { postgresSuite } from "./postgres/suite.ts";
import { rabbitMqSuite } from "./rabbitmq/suite.ts";
import { redisSuite } from "./redis/suite.ts";
import { sqliteSuite } from "./sqlite/suite.ts";
import type { Suite } from "./suite.ts";

const SUITES: readonly Suite[] = [sqliteSuite, redisSuite, rabbitMqSuite, postgresSuite];

/** All of them, unless some are named. */
export function suitesNamed(names: readonly string[]): readonly Suite[] {
  const unknown = names.find((name) => SUITES.every((suite) => suite.name !== name));
  if (unknown !== undefined)
    throw new Error(`There is no "${unknown}" to measure: ${SUITES.map(({ name }) => name).join(", ")}.`);
  return SUITES.filter(({ name }) => names.length === 0 || names.includes(name));
}

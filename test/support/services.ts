import { eventually } from "./eventually.ts";
import { leaveOut } from "./left-out.ts";
import { postgresAnswers, startLocalPostgres } from "./postgres.ts";
import { output } from "./processes.ts";
import { hasRabbitMqProgram, startLocalRabbitMq } from "./rabbitmq.ts";
import { rabbitMqAnswers } from "./rabbitmq-vhost.ts";
import type { RunningService } from "./running-service.ts";
import { installSystemPackages } from "./system-packages.ts";

interface Service {
  readonly name: string;
  /** Environment variable with the URL of a running one. Set to nothing, it leaves the service out. */
  readonly variable: string;
  /** Where compose.yaml puts it. */
  readonly composeUrl: string;
  /** The image and the variables that compose.yaml has, and the port inside. */
  readonly image: string;
  readonly imageEnvironment: readonly string[];
  readonly port: number;
  /** Another port inside, which the URL names by `?management=`. @default none */
  readonly managementPort?: number;
  /** Debian's packages with its programs. */
  readonly packages: readonly string[];
  /** Whether a server answers there. Never rejects. */
  readonly answers: (url: string) => Promise<boolean>;
  /** Starts an installed one on a free port of the loopback; undefined when none is installed. */
  readonly startLocal: () => Promise<RunningService | undefined>;
}

const POSTGRES: Service = {
  name: "PostgreSQL",
  variable: "CELERIAC_TEST_POSTGRES_URL",
  composeUrl: "postgres://celeriac:celeriac@127.0.0.1:5432/celeriac",
  image: "postgres:17-alpine",
  imageEnvironment: ["POSTGRES_USER=celeriac", "POSTGRES_PASSWORD=celeriac", "POSTGRES_DB=celeriac"],
  port: 5432,
  packages: ["postgresql"],
  answers: postgresAnswers,
  startLocal: startLocalPostgres,
};

const RABBITMQ: Service = {
  name: "RabbitMQ",
  variable: "CELERIAC_TEST_RABBITMQ_URL",
  composeUrl: "amqp://guest:guest@127.0.0.1:5672?management=15672",
  image: "rabbitmq:4-management-alpine",
  imageEnvironment: [],
  port: 5672,
  managementPort: 15_672,
  packages: ["rabbitmq-server"],
  answers: rabbitMqAnswers,
  startLocal: startLocalRabbitMq,
};

/**
 * The same with a RabbitMQ. Tests that stop, kill or freeze one start it themselves, from installed programs: where a server runs already, or in Docker, and
 * there are no programs, they alone are left out.
 */
export async function provideRabbitMq(): Promise<() => Promise<void>> {
  const stop = await provide(RABBITMQ);
  const { name, variable } = RABBITMQ;
  const isThere = (process.env[variable] ?? "") !== "";
  if (isThere && !hasRabbitMqProgram()) leaveOut(`tests that stop a ${name}`, "no rabbitmq-server is installed");
  return stop;
}

/** For vitest's `globalSetup`: a PostgreSQL server, found or started, whose URL the tests read from the variable. */
export function providePostgres(): Promise<() => Promise<void>> {
  return provide(POSTGRES);
}

/** Resolves with the teardown. The variable stays unset where there is none to be had: the tests that need it are to be skipped. */
async function provide(service: Service): Promise<() => Promise<void>> {
  const found = await findOrStart(service);
  if (found !== undefined) process.env[service.variable] = found.url;
  return async () => found?.stop();
}

async function findOrStart(service: Service): Promise<RunningService | undefined> {
  const named = process.env[service.variable];
  if (named === "") {
    leaveOut(`tests with ${service.name}`, `${service.variable} is set to nothing`);
    return undefined;
  }
  if (named !== undefined) {
    if (await service.answers(named)) return runningBefore(named);
    throw new Error(`No ${service.name} answers at the URL in ${service.variable}.`);
  }
  return startOneWayOrAnother(service);
}

/** What is there already comes first, then what costs least. */
const WAYS: Readonly<Record<string, (service: Service) => Promise<RunningService | undefined>>> = {
  "running as compose.yaml has it": findComposed,
  "in Docker": startInDocker,
  "installed program": (service) => service.startLocal(),
  "system packages": installAndStart,
};

async function startOneWayOrAnother(service: Service): Promise<RunningService | undefined> {
  const failures: string[] = [];
  for (const [name, way] of Object.entries(WAYS)) {
    try {
      const found = await way(service);
      if (found !== undefined) return found;
      failures.push(`${name}: no`);
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  leaveOut(`tests with ${service.name}`, failures.join("; "));
  return undefined;
}

async function findComposed({ composeUrl, answers }: Service): Promise<RunningService | undefined> {
  return (await answers(composeUrl)) ? runningBefore(composeUrl) : undefined;
}

async function startInDocker(service: Service): Promise<RunningService | undefined> {
  const engine = await output("docker", ["info", "--format", "{{.ID}}"], { timeout: 10_000 }).catch(() => undefined);
  if (engine === undefined) return undefined;
  const environment = service.imageEnvironment.flatMap((variable) => ["--env", variable]);
  const ports = [service.port, service.managementPort].filter((port) => port !== undefined);
  const publish = ports.flatMap((port) => ["--publish", `127.0.0.1::${port}`]);
  const id = await output("docker", ["run", "--rm", "--detach", ...publish, ...environment, service.image]);
  const stop = async (): Promise<void> => {
    await output("docker", ["rm", "--force", id]);
  };
  try {
    const url = new URL(service.composeUrl);
    url.host = await publishedAt(id, service.port);
    if (service.managementPort !== undefined) {
      const { port } = new URL(`http://${await publishedAt(id, service.managementPort)}`);
      url.searchParams.set("management", port);
    }
    await untilItAnswers(service, url.href);
    return { url: url.href, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Where a port of a container is on this machine: `127.0.0.1:32768`. */
async function publishedAt(container: string, port: number): Promise<string> {
  const addresses = await output("docker", ["port", container, `${port}/tcp`]);
  return addresses.split("\n")[0] ?? "";
}

async function installAndStart({ name, packages, startLocal }: Service): Promise<RunningService | undefined> {
  return (await installSystemPackages(packages, `the tests with ${name}`)) ? startLocal() : undefined;
}

async function untilItAnswers({ name, answers }: Service, url: string): Promise<void> {
  const check = async (): Promise<void> => {
    if (!(await answers(url))) throw new Error(`${name} was started but does not answer.`);
  };
  await eventually(check, { timeoutMs: 60_000 });
}

function runningBefore(url: string): RunningService {
  return { url, stop: () => Promise.resolve() };
}

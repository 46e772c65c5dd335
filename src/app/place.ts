import type { Broadcaster } from "../broker/broadcaster.ts";
import { ControlUnsupportedError } from "../control/errors.ts";
import { RemoteControl } from "../control/remote-control.ts";
import { LamportClock } from "../events/lamport-clock.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";
import { Connections } from "./connections.ts";
import { EagerRuns } from "./eager.ts";
import type { Environment } from "./environment.ts";
import { Producer } from "./producer.ts";
import { QueuePauses } from "./queue-pauses.ts";
import { QueueTable } from "./queue-table.ts";
import type { TaskRegistry } from "./registry.ts";
import { resolveConfig, type ConfigInCode, type ConfigLayers, type Resolution } from "./resolve-config.ts";
import type { Resource } from "./resource.ts";
import { TimedKeys } from "./timed-keys.ts";

export type CommandLine = NonNullable<ConfigLayers["commandLine"]>;

/** What an app has wherever it is. */
export interface PlacedApp {
  readonly name: string;
  readonly tasks: TaskRegistry;
  readonly resources: ReadonlyMap<string, Resource<unknown>>;
  readonly log: Logger;
  readonly random: () => number;
}

/** What an app has only where it is. */
export interface Parts {
  readonly resolution: Resolution;
  readonly queues: QueueTable;
  readonly connections: Connections;
  readonly producer: Producer;
  readonly timedKeys: TimedKeys;
  readonly eager: EagerRuns;
  readonly control: RemoteControl;
  readonly pauses: QueuePauses;
  readonly lamport: LamportClock;
}

/** Where an app is: its time and environment, what the command line says there, and what it has opened there, which disposing closes. */
export class Place implements AsyncDisposable {
  readonly clock: Clock;
  readonly env: Environment;
  #commandLine: CommandLine;
  #parts: Parts | undefined;

  constructor({ clock, env }: Pick<Place, "clock" | "env">, commandLine: CommandLine = {}) {
    this.clock = clock;
    this.env = env;
    this.#commandLine = commandLine;
  }

  /** Whether it is too late to configure it. */
  get isInUse(): boolean {
    return this.#parts !== undefined;
  }

  configure(commandLine: CommandLine): void {
    this.#commandLine = { ...this.#commandLine, ...commandLine };
  }

  /** Made at first use. Throws ConfigError. */
  partsOf(app: PlacedApp, code: ConfigInCode): Parts {
    this.#parts ??= this.#makeParts(app, code);
    return this.#parts;
  }

  /** Calling it again is fine. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts?.connections[Symbol.asyncDispose]();
  }

  #makeParts({ name, tasks, resources, log, random }: PlacedApp, code: ConfigInCode): Parts {
    const { clock, env } = this;
    const resolution = resolveConfig({ code, environment: env, commandLine: this.#commandLine });
    const { config } = resolution;
    const queues = new QueueTable(config);
    const connections = new Connections({ appName: name, config, clock, log });
    const sending = { config, clock, log, connections, queues, tasks };
    const producer = new Producer({ ...sending, storesCanvases: true });
    const here = new Producer({ ...sending, storesCanvases: false });
    const eager = new EagerRuns({ config, tasks, resources, log, random, clock, producer: here });
    const timedKeys = new TimedKeys({ tasks, keys: () => connections.keys() });
    const broadcaster = (): Promise<Broadcaster> => broadcasterOf(connections);
    const lamport = new LamportClock();
    const control = new RemoteControl({ broadcaster, lamport, clock });
    const pauses = new QueuePauses({ keys: () => connections.keys(), control, clock, log });
    return { resolution, queues, connections, producer, timedKeys, eager, control, pauses, lamport };
  }
}

/** Rejects with BrokerUnavailableError and ControlUnsupportedError. */
async function broadcasterOf(connections: Connections): Promise<Broadcaster> {
  const { broadcaster } = await connections.broker();
  if (broadcaster === undefined) throw new ControlUnsupportedError();
  return broadcaster;
}

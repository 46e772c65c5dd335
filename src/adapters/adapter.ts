import type { ResultBackend } from "../backend/result-backend.ts";
import type { Broker } from "../broker/broker.ts";
import type { KeyStore } from "../broker/key-store.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/logger.ts";

/** What one technology offers. Each factory is called at most once per app and opens nothing by itself. */
export interface Adapter {
  /** For messages and logs; secrets masked. */
  readonly url: string;
  readonly createBroker?: (context: BrokerContext) => Broker;
  readonly createResultBackend?: (context: ResultBackendContext) => ResultBackend;
  /** Whether its results are sent to who asked, by `TaskMeta.replyTo`, and not kept. Celery: `rpc://`. @default false */
  readonly sendsResults?: boolean;
  readonly createKeyStore?: (context: AdapterContext) => KeyStore;
}

export interface AdapterContext {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface BrokerContext extends AdapterContext {
  /** How long a message stays with a consumer that is not heard of, in milliseconds. @default the technology's own */
  readonly leaseMs?: number | undefined;
  /** How long it stays with a consumer of Celery's in Python, which is never heard of, in milliseconds. @default Celery's own */
  readonly visibilityTimeoutMs?: number | undefined;
}

export interface ResultBackendContext extends AdapterContext {
  /** How long a result is kept, in milliseconds. */
  readonly resultExpiresMs: number;
  /** Where results are sent that the app asked for: the `replyTo` of its messages. @default one that nobody has */
  readonly oid?: string;
}

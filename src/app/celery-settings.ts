import type { CeleriacConfig } from "./config.ts";

/**
 * Options under Celery's own names, for applications that bring their configuration along: `task_default_queue`, the old
 * `CELERY_DEFAULT_QUEUE`, and `CELERY_TASK_DEFAULT_QUEUE` as Django projects write it.
 */
export type CelerySettings = {
  readonly [K in keyof CeleriacConfig as K extends "broker" ? "broker_url" : SnakeCase<K>]?: unknown;
} & { readonly [old in `${"CELERY" | "CELERYD" | "BROKER"}_${string}`]: unknown };

type SnakeCase<Name extends string> = Name extends `${infer Head}${infer Tail}`
  ? `${Head extends Lowercase<Head> ? Head : `_${Lowercase<Head>}`}${SnakeCase<Tail>}`
  : "";

/** `taskDefaultQueue` → `task_default_queue`. */
export function snakeCase(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Every spelling of a setting: Celery's name, ours, the old one and the one with Django's prefix. */
export function spellingsOf(setting: string): readonly string[] {
  const camelCase = setting.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return [setting, camelCase, oldNameOf(setting), `CELERY_${setting.toUpperCase()}`];
}

/** The names of Celery 3: by the first word as a rule. Celery: `celery/app/defaults.py:NAMESPACES`. */
function oldNameOf(setting: string): string {
  const irregular = IRREGULAR_OLD_NAMES.get(setting);
  if (irregular !== undefined) return irregular;
  const [, word = "", rest = ""] = /^([a-z0-9]+)_(.*)$/.exec(setting) ?? [];
  return ((OLD_PREFIXES.get(word) ?? `${word}_`) + rest || setting).toUpperCase();
}

const OLD_PREFIXES: ReadonlyMap<string, string> = new Map([
  ["task", "CELERY_"],
  ["worker", "CELERYD_"],
  ["beat", "CELERYBEAT_"],
  ["accept", "CELERY_ACCEPT_"],
  ["result", "CELERY_RESULT_"],
  ["event", "CELERY_EVENT_"],
  ["security", "CELERY_SECURITY_"],
  ["cache", "CELERY_CACHE_"],
  ["redis", "CELERY_REDIS_"],
  ["mongodb", "CELERY_MONGODB_"],
  ["arangodb", "CELERY_ARANGODB_"],
  ["couchbase", "CELERY_COUCHBASE_"],
  ["elasticsearch", "CELERY_ELASTICSEARCH_"],
]);

const IRREGULAR_OLD_NAMES: ReadonlyMap<string, string> = new Map([
  ["imports", "CELERY_IMPORTS"],
  ["include", "CELERY_INCLUDE"],
  ["timezone", "CELERY_TIMEZONE"],
  ["result_accept_content", "RESULT_ACCEPT_CONTENT"],
  ["result_cache_max", "CELERY_MAX_CACHED_RESULTS"],
  ["result_expires", "CELERY_TASK_RESULT_EXPIRES"],
  ["database_url", "CELERY_RESULT_DBURI"],
  ["database_engine_options", "CELERY_RESULT_ENGINE_OPTIONS"],
  ["database_short_lived_sessions", "CELERY_RESULT_DB_SHORT_LIVED_SESSIONS"],
  ["database_table_names", "CELERY_RESULT_DB_TABLENAMES"],
  ["task_compression", "CELERY_MESSAGE_COMPRESSION"],
  ["task_eager_propagates", "CELERY_EAGER_PROPAGATES_EXCEPTIONS"],
  ["task_protocol", "CELERY_TASK_PROTOCOL"],
  ["task_publish_retry", "CELERY_TASK_PUBLISH_RETRY"],
  ["task_publish_retry_policy", "CELERY_TASK_PUBLISH_RETRY_POLICY"],
  ["task_send_sent_event", "CELERY_SEND_TASK_SENT_EVENT"],
  ["task_serializer", "CELERY_TASK_SERIALIZER"],
  ["task_soft_time_limit", "CELERYD_TASK_SOFT_TIME_LIMIT"],
  ["task_time_limit", "CELERYD_TASK_TIME_LIMIT"],
  ["worker_direct", "CELERY_WORKER_DIRECT"],
  ["worker_disable_rate_limits", "CELERY_DISABLE_RATE_LIMITS"],
  ["worker_enable_remote_control", "CELERY_ENABLE_REMOTE_CONTROL"],
  ["worker_lost_wait", "CELERYD_WORKER_LOST_WAIT"],
  ["worker_redirect_stdouts", "CELERY_REDIRECT_STDOUTS"],
  ["worker_redirect_stdouts_level", "CELERY_REDIRECT_STDOUTS_LEVEL"],
  ["worker_send_task_events", "CELERY_SEND_EVENTS"],
]);

/** Celery's name of the setting that Celeriac lacks and that `name` is a spelling of. */
export function lackingSetting(name: string): string | undefined {
  lackingBySpelling ??= new Map(
    LACKING.flatMap((setting) => spellingsOf(setting).map((spelling) => [spelling, setting])),
  );
  return lackingBySpelling.get(name);
}

let lackingBySpelling: ReadonlyMap<string, string> | undefined;

const IN_URL = "it is said in the URL of resultBackend";
const TLS_IN_URL =
  "write rediss:// in the URL, and ssl_cert_reqs, ssl_ca_certs, ssl_certfile and ssl_keyfile behind it";
const SUPERVISED = "connections are watched, closed and opened anew without any setting";
const LOOKED_FOR = "what the dead have held is looked for whenever a worker takes";
const WITHOUT_POLLING = "a worker is told of messages, and does not ask for them again and again";
const FIXED_NAMES = "keys and channels have the names that Kombu gives them where nothing is said";

/** What to do without some of them, as the end of a sentence. */
export const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["enable_utc", "times are always UTC"],
  ["timezone", "times are always UTC"],
  ["imports", "name the task modules in include"],
  ["task_serializer", "messages are always written as JSON"],
  ["result_serializer", "results are always written as JSON"],
  ["result_accept_content", "results are always read as JSON"],
  ["task_reject_on_worker_lost", "a task whose worker dies always runs again, workerMaxDeliveries times at most"],
  ["task_retry_on_worker_lost", "a task whose worker dies always runs again, workerMaxDeliveries times at most"],
  ["task_acks_on_failure", "taskAcksOnFailureOrTimeout says it for both"],
  ["task_acks_on_timeout", "taskAcksOnFailureOrTimeout says it for both"],
  ["task_annotations", "taskRetryPolicy is for retries, and a task's own options for the rest"],
  ["task_protocol", "messages are always written in protocol 2"],
  ["task_default_priority", "give a task or a call its priority"],
  ["worker_prefetch_multiplier", "a worker takes no more than its free slots can run"],
  ["worker_disable_prefetch", "a worker takes no more than its free slots can run"],
  ["worker_soft_shutdown_timeout", "workerShutdownGraceMs is nearest"],
  ["broker_use_ssl", TLS_IN_URL],
  ["redis_backend_use_ssl", TLS_IN_URL],
  ...each(IN_URL, "redis_host redis_port redis_db redis_username redis_password"),
  ...each(SUPERVISED, "redis_max_connections redis_retry_on_timeout redis_socket_connect_timeout"),
  ...each(SUPERVISED, "redis_socket_keepalive redis_socket_timeout"),
]);

/** Options of Kombu's Redis transports and of Celery's Redis backend that Celeriac does not have, and why, as the end of a sentence. */
export const TRANSPORT_INSTEAD: ReadonlyMap<string, string> = new Map([
  ...each(WITHOUT_POLLING, "polling_interval brpop_timeout"),
  ...each(LOOKED_FOR, "unacked_mutex_expire unacked_restore_interval unacked_restore_limit unacked_restore_throttle"),
  ...each("messages are always acknowledged", "ack_emulation"),
  ...each(FIXED_NAMES, "sep unacked_key unacked_index_key unacked_mutex_key fanout_prefix fanout_patterns"),
  ...each("the steps are always 0, 3, 6 and 9, as in Celery where nothing is said", "priority_steps"),
  ...each("every queue has its turn", "queue_order_strategy"),
  ...each(SUPERVISED, "socket_timeout socket_connect_timeout socket_keepalive socket_keepalive_options"),
  ...each(SUPERVISED, "max_connections health_check_interval retry_on_timeout client_name retry_policy"),
  ...each(SUPERVISED, "additional_connection_errors min_other_sentinels"),
  ...each("chords always have their results in the header's order", "result_chord_ordered"),
  ...each("only Celery 5.3 and older needs it", "sentinel_fanout_compat"),
]);

/** Celery 5.7's settings that Celeriac does not have: `celery/app/defaults.py:NAMESPACES`. */
const LACKING: readonly string[] = [
  ...["enable_utc", "imports", "result_accept_content", "timezone"],
  ...all("arangodb", "backend_settings"),
  ...all("azureblockblob", "base_path connection_timeout container_name read_timeout retry_increment_base"),
  ...all("azureblockblob", "retry_initial_backoff_sec retry_max_attempts"),
  ...all("beat", "cron_starting_deadline enable_remote_control max_loop_interval remote_control_max_tick_age schedule"),
  ...all("beat", "schedule_filename scheduler sync_every"),
  ...all("broker", "channel_error_retry connection_max_retries connection_retry connection_retry_on_startup"),
  ...all("broker", "connection_timeout failover_strategy heartbeat heartbeat_checkrate host login_method"),
  ...all(
    "broker",
    "native_delayed_delivery_queue_type password pool_acquire_timeout pool_limit port read_url transport",
  ),
  ...all("broker", "use_ssl user vhost write_url"),
  ...all("cache", "backend backend_options"),
  ...all("cassandra", "auth_kwargs auth_provider bundle_path entry_ttl keyspace options port read_consistency servers"),
  ...all("cassandra", "table write_consistency"),
  ...all("control", "exchange queue_durable queue_exclusive queue_expires queue_ttl"),
  ...all("cosmosdbsql", "collection_name consistency_level database_name max_retry_attempts max_retry_wait_time"),
  ...all("couchbase", "backend_settings"),
  ...all("database", "create_tables_at_setup engine_callback engine_options short_lived_sessions table_names"),
  ...all("database", "table_schemas url"),
  ...all("elasticsearch", "max_retries retry_on_timeout save_meta_as_text timeout"),
  ...all("event", "exchange queue_durable queue_exclusive queue_expires queue_prefix queue_ttl serializer"),
  ...all("gcs", "base_path bucket project ttl"),
  ...all("mongodb", "backend_settings"),
  ...all("redis", "backend_use_ssl db host max_connections password port retry_on_timeout socket_connect_timeout"),
  ...all("redis", "socket_keepalive socket_timeout username"),
  ...all("result", "backend_always_retry backend_base_sleep_between_retries_ms backend_max_retries"),
  ...all("result", "backend_max_sleep_between_retries_ms cache_max chord_expires"),
  ...all("result", "chord_join_timeout chord_retry_interval compression exchange exchange_type failure_expires"),
  ...all("result", "persistent serializer"),
  ...all("s3", "access_key_id base_path bucket endpoint_url region secret_access_key"),
  ...all("security", "cert_store certificate digest key key_password"),
  ...all("task", "acks_on_failure acks_on_timeout"),
  ...all("task", "annotations create_missing_queue_exchange_type create_missing_queue_type default_delivery_mode"),
  ...all("task", "default_priority default_queue_type inherit_parent_priority protocol"),
  ...all("task", "queue_max_priority reject_on_worker_lost remote_tracebacks repr_maxlevels retry_on_worker_lost"),
  ...all("task", "serializer store_eager_result"),
  ...all(
    "worker",
    "agent autoscaler cancel_long_running_tasks_on_connection_loss consumer deduplicate_successful_tasks",
  ),
  ...all("worker", "detect_quorum_queues direct disable_prefetch enable_prefetch_count_reduction"),
  ...all("worker", "enable_remote_control enable_soft_shutdown_on_idle eta_task_limit hijack_root_logger log_color"),
  ...all("worker", "log_datefmt log_format lost_wait pool_putlocks"),
  ...all("worker", "pool_start_method prefetch_multiplier proc_alive_timeout redirect_stdouts"),
  ...all("worker", "redirect_stdouts_level soft_shutdown_timeout state_db task_log_datefmt"),
  ...all("worker", "task_log_format timer timer_precision"),
];

function all(prefix: string, names: string): readonly string[] {
  return names.split(" ").map((name) => `${prefix}_${name}`);
}

function each(instead: string, names: string): readonly (readonly [string, string])[] {
  return names.split(" ").map((name) => [name, instead]);
}

/** What holds for every worker of ours where Celery's has a choice, by Celery's names: who reads `conf` counts on them. */
export const FIXED_SETTINGS: Readonly<Record<string, unknown>> = {
  accept_content: ["json"],
  enable_utc: true,
  timezone: "UTC",
  broker_heartbeat: 0,
  worker_hijack_root_logger: false,
  worker_log_color: false,
  deprecated_settings: null,
};

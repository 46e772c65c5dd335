/** Celery's older names. */
export const ALIASES: Readonly<Record<string, string>> = {
  dump_conf: "conf",
  dump_active: "active",
  dump_reserved: "reserved",
  dump_schedule: "scheduled",
  dump_revoked: "revoked",
  dump_tasks: "registered",
};

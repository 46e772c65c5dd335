/** The names of what a result backend keeps; a result is published on a channel of the same name as its key. Celery: `celery/backends/base.py:KeyValueStoreBackend`. */
export class ResultKeys {
  readonly #metas: string;
  readonly #fences: string;

  constructor(keyPrefix: string) {
    const prefix = withSeparator(keyPrefix);
    this.#metas = `${prefix}celery-task-meta-`;
    this.#fences = `${prefix}celeriac:fence:`;
  }

  meta(taskId: string): string {
    return this.#metas + taskId;
  }

  fence(taskId: string): string {
    return this.#fences + taskId;
  }

  taskId(meta: string): string {
    return meta.slice(this.#metas.length);
  }
}

/** Celery: `base.py:KeyValueStoreBackend._add_global_keyprefix`. */
function withSeparator(prefix: string): string {
  return prefix === "" || /[:_.-]$/.test(prefix) ? prefix : `${prefix}_`;
}

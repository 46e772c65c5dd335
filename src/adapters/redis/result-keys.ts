/** The names of what a result backend keeps; a result is published on a channel of the same name as its key. Celery: `celery/backends/base.py:KeyValueStoreBackend`. */
export class ResultKeys {
  readonly #metas: string;
  readonly #groups: string;
  readonly #fences: string;
  readonly #own: string;
  readonly #canvases: string;

  constructor(keyPrefix: string) {
    const prefix = withSeparator(keyPrefix);
    this.#metas = `${prefix}celery-task-meta-`;
    this.#groups = `${prefix}celery-taskset-meta-`;
    this.#fences = `${prefix}celeriac:fence:`;
    this.#own = `${prefix}celeriac:chord`;
    this.#canvases = `${prefix}celeriac:canvas:`;
  }

  meta(taskId: string): string {
    return this.#metas + taskId;
  }

  fence(taskId: string): string {
    return this.#fences + taskId;
  }

  group(groupId: string): string {
    return this.#groups + groupId;
  }

  /** List of the parts of a canvas, behind its life in milliseconds. */
  canvas(id: string): string {
    return this.#canvases + id;
  }

  /**
   * What is kept of a chord. `parts`: sorted set of what the members ended with, by their places in the header. `added`: how many came to
   * the header later. `places`: set of the members counted. `claim`: who is about to send the body, or `done`. `group`: the header's record,
   * where the header is nested. Source: `celery/backends/redis.py:RedisBackend.on_chord_part_return`. Ours: `watch`, for how long it
   * is kept, which lives on with who comes; `body`, its deadline and what fails then; `additions`, set of those that were counted in `added`.
   */
  chord(chordId: string): ChordKeys {
    const group = this.group(chordId);
    return {
      ...{ parts: `${group}.j`, added: `${group}.t`, size: `${group}.s` },
      ...{ places: `${group}.d`, claim: `${group}.c`, group },
      ...{ watch: `${this.#own}:${chordId}`, body: `${this.#own}-body:${chordId}` },
      additions: `${this.#own}-additions:${chordId}`,
    };
  }

  /** Sorted set of the chords with a deadline, by when to look at them next, in milliseconds since the epoch. */
  get watched(): string {
    return `${this.#own}s`;
  }

  taskId(meta: string): string {
    return meta.slice(this.#metas.length);
  }
}

export interface ChordKeys {
  readonly parts: string;
  readonly added: string;
  readonly size: string;
  readonly places: string;
  readonly claim: string;
  readonly group: string;
  readonly watch: string;
  readonly body: string;
  readonly additions: string;
}

/** Celery: `base.py:KeyValueStoreBackend._add_global_keyprefix`. */
function withSeparator(prefix: string): string {
  return prefix === "" || /[:_.-]$/.test(prefix) ? prefix : `${prefix}_`;
}

import type { StoredCanvas, StoredCanvases } from "../../backend/canvases.ts";
import { wholeMs } from "../../util/whole-ms.ts";
import { script, type Command, type RedisLink, type Script } from "./connections/redis-link.ts";
import type { ResultKeys } from "./result-keys.ts";

/** Parts that one command brings. */
const AT_ONCE = 500;

/** The life of the canvas stands before its parts. */
const LOAD: Script = script(`
local life = redis.call('LINDEX', KEYS[1], 0)
if not life then return end
redis.call('PEXPIRE', KEYS[1], life)
return redis.call('LRANGE', KEYS[1], ARGV[1] + 1, ARGV[2])
`);

export interface RedisCanvasesOptions {
  readonly link: RedisLink;
  readonly keys: ResultKeys;
}

/** What follows tasks, a list for each canvas. */
export class RedisCanvases implements StoredCanvases {
  readonly #options: RedisCanvasesOptions;

  constructor(options: RedisCanvasesOptions) {
    this.#options = options;
  }

  async save({ id, parts, lifeMs }: StoredCanvas): Promise<void> {
    const { link, keys } = this.#options;
    const [key, life] = [keys.canvas(id), wholeMs(lifeMs)];
    const pushes: Command[] = [];
    for (let start = 0; start < parts.length; start += AT_ONCE)
      pushes.push(["RPUSH", key, ...parts.slice(start, start + AT_ONCE)]);
    await link.transaction([["DEL", key], ["RPUSH", key, life], ...pushes, ["PEXPIRE", key, life]]);
  }

  async load(id: string, from: number, to: number): Promise<readonly string[] | undefined> {
    const { link, keys } = this.#options;
    const parts = await link.script(LOAD, [keys.canvas(id)], [from, to]);
    return (parts as readonly string[] | null) ?? undefined;
  }
}

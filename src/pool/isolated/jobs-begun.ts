import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * How many jobs a child has begun, as it has noted before it did anything with each. In memory or in a file that both sides have open, since a
 * message may be in the child still when it dies: the task that killed it would look innocent.
 */
export interface JobsBegun {
  /** Infinity where it cannot be told. */
  count(): number;
}

/** For a thread: what is made of its `workerData`. */
export class JobsBegunInMemory implements JobsBegun {
  readonly shared: Int32Array<SharedArrayBuffer>;

  constructor(shared: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(4))) {
    this.shared = shared;
  }

  note(): void {
    Atomics.add(this.shared, 0, 1);
  }

  count(): number {
    return Atomics.load(this.shared, 0);
  }
}

/** Which file it is to a process: the one behind stdin, stdout, stderr and the channel. */
const FD_IN_CHILD = 4;

/** For a process: a file without a name, some 2 µs for each job. */
export class JobsBegunInFile implements JobsBegun {
  /** For the process's `stdio`. */
  readonly stdio: number | "ignore" = openNameless() ?? "ignore";
  #last: number | undefined;

  count(): number {
    if (this.#last !== undefined) return this.#last;
    if (this.stdio === "ignore") return Infinity;
    const count = new Uint32Array(1);
    readSync(this.stdio, count, { position: 0 });
    return count[0] ?? 0;
  }

  /** Once the process is gone: the count stays. */
  close(): void {
    if (this.#last !== undefined) return;
    this.#last = this.count();
    if (this.stdio !== "ignore") closeSync(this.stdio);
  }
}

/** The function that notes a job in the file that this process was started with. */
export function noteInFile(): () => void {
  const count = new Uint32Array(1);
  return () => {
    count[0] = (count[0] ?? 0) + 1;
    try {
      writeSync(FD_IN_CHILD, count, 0, count.byteLength, 0);
    } catch {
      // A full disk: the pool blames the job in the end.
    }
  };
}

/** Undefined where there is no room for files. */
function openNameless(): number | undefined {
  try {
    const directory = mkdtempSync(join(tmpdir(), "celeriac-child-"));
    const file = openSync(join(directory, "jobs-begun"), "w+");
    rmSync(directory, { recursive: true, force: true });
    return file;
  } catch {
    return undefined;
  }
}

import type { RunningTask } from "../running-task.ts";
import type { Evidence, LoopReport, TaskNote } from "./evidence.ts";

/** UTF-16 units of a task's id, and of its name; the rest is cut off. */
const TEXT_UNITS = 128;
/** Bytes that a report may take, which is JSON. */
const REPORT_BYTES = 64 * 1024;

/** Places among the whole numbers. */
const VERSION = 0;
const BEGUN = 1;
const ID_LENGTH = 2;
const NAME_LENGTH = 3;
const REPORT_LENGTH = 4;
const INTEGERS = 6;

/** And among the others. */
const BEAT_AT = 0;
const BEGUN_AT = 1;
const STAND_IN_CLOCK = 2;
const FLOATS = 3;

const FLOATS_AT = 4 * INTEGERS;
const ID_AT = FLOATS_AT + 8 * FLOATS;
const NAME_AT = ID_AT + 2 * TEXT_UNITS;
const REPORT_AT = NAME_AT + 2 * TEXT_UNITS;
const SIZE = REPORT_AT + REPORT_BYTES;

/** So often is read anew what was being written: far longer than a writing takes. */
const TRIES = 10_000;

/**
 * What an event loop tells of itself, in memory that a thread reads while the loop is blocked. The loop alone writes it, but for what the
 * thread's Lamport clock has counted.
 *
 * ```
 * version, begun, lengths | beatAt, begunAt, clock | id and name | report
 * int32                   | float64                | uint16      | UTF-8
 * ```
 *
 * `version` is odd while something is being written; whoever reads looks at it before and after. A task that begins is written at once, as it may be the
 * one that blocks the loop: that must cost next to nothing.
 */
export class EvidenceMemory {
  readonly buffer: SharedArrayBuffer;
  readonly #integers: Int32Array;
  readonly #floats: Float64Array;
  readonly #bytes: Buffer;
  readonly #id: Uint16Array;
  readonly #name: Uint16Array;
  #version = 0;
  #lastName = "";
  #lastRead: Evidence = { beatAt: 0, report: undefined, begun: undefined };

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(SIZE)) {
    this.buffer = buffer;
    this.#integers = new Int32Array(buffer, 0, INTEGERS);
    this.#floats = new Float64Array(buffer, FLOATS_AT, FLOATS);
    this.#bytes = Buffer.from(buffer);
    this.#id = new Uint16Array(buffer, ID_AT, TEXT_UNITS);
    this.#name = new Uint16Array(buffer, NAME_AT, TEXT_UNITS);
  }

  /** What the thread's Lamport clock has counted. */
  get standInClock(): number {
    return this.#floats[STAND_IN_CLOCK] ?? 0;
  }

  set standInClock(value: number) {
    this.#floats[STAND_IN_CLOCK] = value;
  }

  /** When the event loop was last seen turning, by the clock's uptime in milliseconds; 0 for never. */
  get beatAt(): number {
    return this.#floats[BEAT_AT] ?? 0;
  }

  noteBegun({ request, startedAt }: RunningTask): void {
    const integers = this.#integers;
    Atomics.store(integers, VERSION, (this.#version += 1));
    integers[ID_LENGTH] = write(request.id, this.#id);
    // Most are of the same name as the one before.
    if (request.task !== this.#lastName) integers[NAME_LENGTH] = write(request.task, this.#name);
    this.#lastName = request.task;
    this.#floats[BEGUN_AT] = startedAt;
    integers[BEGUN] = 1;
    Atomics.store(integers, VERSION, (this.#version += 1));
  }

  /** The task that began last has ended. */
  noteEnded(): void {
    Atomics.store(this.#integers, BEGUN, 0);
  }

  /** A report tells of all that runs, what began last included. One that is too long is left out: then the one before stands. */
  noteBeat(at: number, report: LoopReport): void {
    const json = JSON.stringify(report);
    const fits = Buffer.byteLength(json) <= REPORT_BYTES;
    Atomics.store(this.#integers, VERSION, (this.#version += 1));
    this.#floats[BEAT_AT] = at;
    if (fits) {
      this.#integers[REPORT_LENGTH] = this.#bytes.write(json, REPORT_AT, REPORT_BYTES);
      this.#integers[BEGUN] = 0;
    }
    Atomics.store(this.#integers, VERSION, (this.#version += 1));
  }

  read(): Evidence {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const version = Atomics.load(this.#integers, VERSION);
      if (version % 2 !== 0) continue;
      const { beatAt } = this;
      const begun = this.#begun();
      const report = this.#bytes.toString("utf8", REPORT_AT, REPORT_AT + (this.#integers[REPORT_LENGTH] ?? 0));
      // Adding nothing reads too, and is not done before the reads above.
      if (Atomics.add(this.#integers, VERSION, 0) !== version) continue;
      this.#lastRead = { beatAt, begun, report: report === "" ? undefined : (JSON.parse(report) as LoopReport) };
      break;
    }
    return this.#lastRead;
  }

  #begun(): TaskNote | undefined {
    if (this.#integers[BEGUN] === 0) return undefined;
    return {
      id: this.#text(ID_AT, ID_LENGTH),
      name: this.#text(NAME_AT, NAME_LENGTH),
      startedAt: this.#floats[BEGUN_AT] ?? 0,
    };
  }

  #text(at: number, length: number): string {
    return this.#bytes.toString("utf16le", at, at + 2 * (this.#integers[length] ?? 0));
  }
}

/** Unit by unit: a call into Node would take twice as long for so short a text. */
function write(text: string, to: Uint16Array): number {
  const length = Math.min(text.length, TEXT_UNITS);
  for (let index = 0; index < length; index += 1) to[index] = text.charCodeAt(index);
  return length;
}

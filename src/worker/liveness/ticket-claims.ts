import type { Command } from "../../control/command.ts";

/** So many claims are remembered; the oldest make room. */
const PLACES = 4_096;

/** What stands before the places: whether somebody is at it, and how many claims there were. */
const LOCK = 0;
const COUNT = 1;
const HEAD = 2;

/** The lowest bit of a claim says whose it is. */
const SIDES = { loop: 0, thread: 1 } as const;

/** A claim takes microseconds. Who has held the lock for so many milliseconds is no more. */
const LOCKED_MS = 50;

/**
 * Who of two that hear the same commands answers which: the first to claim it. A claim is the hash of a command's ticket, in memory that both share, put there
 * by one at a time. Who claims again what is his own gets it again.
 */
export class TicketClaims {
  readonly buffer: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #places: Int32Array;
  readonly #side: number;

  constructor(
    side: keyof typeof SIDES,
    buffer: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * (HEAD + PLACES)),
  ) {
    this.buffer = buffer;
    this.#head = new Int32Array(buffer, 0, HEAD);
    this.#places = new Int32Array(buffer, HEAD * Int32Array.BYTES_PER_ELEMENT);
    this.#side = SIDES[side];
  }

  /** False when the other has claimed it. */
  claim(command: Command): boolean {
    const hash = hashOf(command);
    this.#lock();
    const isOurs = !this.#has(this.#others(hash));
    if (isOurs && !this.#has(this.#own(hash))) this.#enter(this.#own(hash));
    this.#unlock();
    return isOurs;
  }

  /** Whether the other has claimed it. */
  isTaken(command: Command): boolean {
    return this.#has(this.#others(hashOf(command)));
  }

  #own(hash: number): number {
    return hash | this.#side;
  }

  #others(hash: number): number {
    return hash | (1 - this.#side);
  }

  #has(claim: number): boolean {
    return this.#places.includes(claim);
  }

  #enter(claim: number): void {
    this.#places[Atomics.add(this.#head, COUNT, 1) & (PLACES - 1)] = claim;
  }

  #lock(): void {
    for (let waitedMs = 0; waitedMs < LOCKED_MS; waitedMs += 1) {
      if (Atomics.compareExchange(this.#head, LOCK, 0, 1) === 0) return;
      Atomics.wait(this.#head, LOCK, 1, 1);
    }
  }

  #unlock(): void {
    Atomics.store(this.#head, LOCK, 0);
    Atomics.notify(this.#head, LOCK, 1);
  }
}

/** FNV-1a, its lowest bit cleared; never 0, which is an empty place. */
function hashOf({ method, replyTo }: Command): number {
  let hash = 0x811c9dc5;
  const text = `${method}\n${replyTo?.routingKey ?? ""}\n${replyTo?.ticket ?? ""}`;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash & ~1) === 0 ? 2 : hash & ~1;
}

/**
 * What is held, in memory that a thread can share. One side writes it, the event loop that holds; any side may renew what stands in it:
 * it reads the receipts, and notes for each when it was renewed, or that it was lost.
 *
 * ```
 * lastRound | renewedAt of each slot | held of each slot | lost of each slot | length and text of each slot
 * float64   | float64                | int32             | int32             | uint16 each
 * ```
 *
 * `held` is another number with every hold, and 0 while the slot is free; `lost` repeats the number of a hold that was lost. Whoever reads a
 * text looks at `held` before and after: unchanged, the text is whole.
 */
export interface TableMemory {
  readonly buffer: SharedArrayBuffer;
  readonly slots: number;
  /** Longest text that fits, in UTF-16 units. */
  readonly width: number;
}

const FIRST_SLOTS = 64;
const FIRST_WIDTH = 31;

/** After this the numbers of holds start again at 1. */
const LARGEST_HOLD = 0x7fff_ffff;

/** One memory as typed arrays. */
export class TableView {
  readonly memory: TableMemory;
  /** When each slot was last renewed, in milliseconds since the epoch. Aligned, so that a write is one instruction. */
  readonly renewedAt: Float64Array;
  readonly held: Int32Array;
  readonly lost: Int32Array;
  readonly texts: Uint16Array;
  readonly #lastRound: Float64Array;

  constructor(memory: TableMemory) {
    const { buffer, slots, width } = memory;
    this.memory = memory;
    this.#lastRound = new Float64Array(buffer, 0, 1);
    this.renewedAt = new Float64Array(buffer, 8, slots);
    this.held = new Int32Array(buffer, 8 + 8 * slots, slots);
    this.lost = new Int32Array(buffer, 8 + 12 * slots, slots);
    this.texts = new Uint16Array(buffer, 8 + 16 * slots, slots * (width + 1));
  }

  /** When the thread last renewed all that was held, in milliseconds since the epoch; 0 for never. */
  get lastRound(): number {
    return this.#lastRound[0] ?? 0;
  }

  set lastRound(at: number) {
    this.#lastRound[0] = at;
  }
}

/** Whether all that stands in the table was renewed, or held first, after `since`, in milliseconds since the epoch. */
export function isFresh({ held, renewedAt }: TableView, since: number): boolean {
  return held.every((hold, slot) => hold === 0 || (renewedAt[slot] ?? 0) > since);
}

/** Renews all that stands in the table, notes when, and returns how many were no longer held. Rejects as `renew` does. */
export async function renewTable(
  view: TableView,
  renew: (receipts: readonly string[]) => Promise<readonly string[]>,
  now: () => number,
): Promise<number> {
  const holds = holdsIn(view);
  if (holds.length === 0) return 0;
  // Read before the renewal, so that no lease ends earlier than is believed.
  const at = now();
  const lost = new Set(await renew(holds.map(({ receipt }) => receipt)));
  for (const { slot, hold, receipt } of holds) {
    if (lost.has(receipt)) view.lost[slot] = hold;
    else if (view.held[slot] === hold) view.renewedAt[slot] = at;
  }
  return lost.size;
}

/** One receipt as it was read from a slot. */
interface Hold {
  readonly slot: number;
  readonly hold: number;
  readonly receipt: string;
}

function holdsIn(view: TableView): readonly Hold[] {
  const holds: Hold[] = [];
  for (let slot = 0; slot < view.memory.slots; slot += 1) {
    const hold = Atomics.load(view.held, slot);
    if (hold === 0) continue;
    const receipt = textIn(view, slot);
    // Adding nothing reads too, and is not done before the reads above.
    if (Atomics.add(view.held, slot, 0) === hold) holds.push({ slot, hold, receipt });
  }
  return holds;
}

function textIn({ texts, memory }: TableView, slot: number): string {
  const start = slot * (memory.width + 1);
  const length = Math.min(texts[start] ?? 0, memory.width);
  return Buffer.from(memory.buffer, texts.byteOffset + 2 * (start + 1), 2 * length).toString("utf16le");
}

/** The writing side: slots for receipts. It grows into new memory, in which the slots keep their numbers. */
export class LeaseTable {
  readonly #onGrown: (memory: TableMemory) => void;
  #view: TableView;
  #free: number[];
  #lastHold = 0;

  /** `onGrown` is told of every memory after the first. */
  constructor(onGrown: (memory: TableMemory) => void) {
    this.#onGrown = onGrown;
    this.#view = new TableView(memoryFor(FIRST_SLOTS, FIRST_WIDTH));
    this.#free = numbersBelow(FIRST_SLOTS, 0);
  }

  get view(): TableView {
    return this.#view;
  }

  /** Puts a receipt, held since `since`, into a slot, and returns the slot's number. */
  hold(receipt: string, since: number): number {
    if (receipt.length > this.#view.memory.width || this.#free.length === 0) this.#grow(receipt.length);
    const { renewedAt, held, texts, memory } = this.#view;
    const slot = this.#free.pop() ?? 0;
    const start = slot * (memory.width + 1);
    const { length } = receipt;
    texts[start] = length;
    for (let index = 0; index < length; index += 1) texts[start + 1 + index] = receipt.charCodeAt(index);
    renewedAt[slot] = since;
    this.#lastHold = this.#lastHold === LARGEST_HOLD ? 1 : this.#lastHold + 1;
    Atomics.store(held, slot, this.#lastHold);
    return slot;
  }

  release(slot: number): void {
    Atomics.store(this.#view.held, slot, 0);
    this.#free.push(slot);
  }

  isLost(slot: number): boolean {
    return this.#view.lost[slot] === this.#view.held[slot];
  }

  /** When this slot was last sure to be held, in milliseconds since the epoch. */
  renewedAt(slot: number): number {
    return this.#view.renewedAt[slot] ?? 0;
  }

  noteRenewal(slot: number, at: number): void {
    this.#view.renewedAt[slot] = at;
  }

  /** Twice the slots when all are used, and room for a longer text. */
  #grow(length: number): void {
    const old = this.#view;
    const { slots: oldSlots, width: oldWidth } = old.memory;
    const slots = this.#free.length === 0 ? 2 * oldSlots : oldSlots;
    const width = Math.max(oldWidth, 2 ** Math.ceil(Math.log2(length + 1)) - 1);
    const view = new TableView(memoryFor(slots, width));
    view.lastRound = old.lastRound;
    view.renewedAt.set(old.renewedAt);
    for (let slot = 0; slot < oldSlots; slot += 1) {
      const start = slot * (oldWidth + 1);
      view.texts.set(old.texts.subarray(start, start + oldWidth + 1), slot * (width + 1));
    }
    view.lost.set(old.lost);
    view.held.set(old.held);
    this.#free.unshift(...numbersBelow(slots, oldSlots));
    this.#view = view;
    this.#onGrown(view.memory);
  }
}

function memoryFor(slots: number, width: number): TableMemory {
  return { buffer: new SharedArrayBuffer(8 + 16 * slots + 2 * slots * (width + 1)), slots, width };
}

/** From the largest down to `least`: the least is taken first. */
function numbersBelow(end: number, least: number): number[] {
  return Array.from({ length: end - least }, (_, index) => end - 1 - index);
}

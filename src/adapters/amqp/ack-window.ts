/** Which delivery tags of a channel are settled: so that all up to one of them can be acknowledged in one frame. Tags are numbered from 1. */
export class AckWindow {
  /** All tags up to this one are settled. */
  #floor = 0;
  /** 1 for each tag above the floor that is settled, at its number modulo the size. */
  #settled = new Uint8Array(256);

  get floor(): number {
    return this.#floor;
  }

  /** Again, it does nothing. */
  settle(tag: number): void {
    if (tag <= this.#floor) return;
    while (tag - this.#floor >= this.#settled.length) this.#grow();
    const mask = this.#settled.length - 1;
    this.#settled[tag & mask] = 1;
    while (this.#settled[(this.#floor + 1) & mask] === 1) {
      this.#floor += 1;
      this.#settled[this.#floor & mask] = 0;
    }
  }

  #grow(): void {
    const before = this.#settled;
    this.#settled = new Uint8Array(before.length * 2);
    const [oldMask, newMask] = [before.length - 1, this.#settled.length - 1];
    for (let tag = this.#floor + 1; tag < this.#floor + before.length; tag += 1) {
      this.#settled[tag & newMask] = before[tag & oldMask] ?? 0;
    }
  }
}

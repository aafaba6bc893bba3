/** Slots of the index for each entry that there is room for: the table is never more than half full. */
const slotsPerEntry = 2;

const firstRoom = 1024;

/** Odd constants that spread neighbouring keys over the slots (the golden ratio's and xxHash's primes). */
const spread = { high: 0x9e3779b1, low: 0x85ebca77, percentage: 0xc2b2ae3d };

/**
 * Distinct sessions by percentage, with 16 bits and a 16-bit mark each: a hash table with open addressing in typed arrays,
 * 13 bytes (11 where none is marked) and two slots of 4 bytes for an entry, so that a million sessions take some 21 MB.
 * Entries stay in the order in which they came and are never removed. At its capacity it takes no more.
 */
export class SessionTable {
  /** Entries that it may hold. */
  readonly capacity: number;
  private length = 0;
  private room = firstRoom;
  private highs = new Uint32Array(firstRoom);
  private lows = new Uint32Array(firstRoom);
  private percentages = new Uint8Array(firstRoom);
  private flags = new Uint16Array(firstRoom);
  /** None before the first mark: only books set any. */
  private marks: Uint16Array | undefined;
  /** Entry's number plus one; 0 = free. */
  private slots = new Int32Array(firstRoom * slotsPerEntry);
  /** Percentages that entries have. */
  private readonly held = new Set<number>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Number of entries. */
  get size(): number {
    return this.length;
  }

  /**
   * Finds an entry, or adds it without flags and with the mark 0.
   *
   * @param hash unsigned 64-bit integer
   * @param percentage integer 0 to 255
   * @returns its number, from 0; -1 where it is new and the table is full
   */
  entry(hash: bigint, percentage: number): number {
    const high = Number(hash >> 32n);
    const low = Number(hash & 0xffffffffn);
    let slot = this.placeOf(high, low, percentage);
    const known = (this.slots[slot] ?? 0) - 1;
    if (known !== -1) return known;
    if (this.length >= this.capacity) return -1;
    if (this.length === this.room) {
      this.grow();
      slot = this.placeOf(high, low, percentage);
    }
    const entry = this.length;
    this.length += 1;
    this.highs[entry] = high;
    this.lows[entry] = low;
    this.percentages[entry] = percentage;
    this.slots[slot] = entry + 1;
    this.held.add(percentage);
    return entry;
  }

  /** Whether a hash has an entry at another percentage. */
  isElsewhere(hash: bigint, percentage: number): boolean {
    const high = Number(hash >> 32n);
    const low = Number(hash & 0xffffffffn);
    for (const other of this.held) {
      if (other !== percentage && this.slots[this.placeOf(high, low, other)] !== 0) return true;
    }
    return false;
  }

  /**
   * Sets a flag.
   *
   * @param flag integer 0 to 15
   * @returns whether it was not set before
   */
  set(entry: number, flag: number): boolean {
    const before = this.flags[entry] ?? 0;
    this.flags[entry] = before | (1 << flag);
    return (before & (1 << flag)) === 0;
  }

  /**
   * Sets the mark.
   *
   * @param mark integer 0 to 65535
   * @returns whether it had another one before
   */
  mark(entry: number, mark: number): boolean {
    this.marks ??= new Uint16Array(this.room);
    const before = this.marks[entry];
    this.marks[entry] = mark;
    return before !== mark;
  }

  /** Upper half of an entry's hash, unsigned 32-bit integer. Entries are numbered in the order in which they came. */
  highOf(entry: number): number {
    return this.highs[entry] ?? 0;
  }

  /** Lower half of an entry's hash, unsigned 32-bit integer. */
  lowOf(entry: number): number {
    return this.lows[entry] ?? 0;
  }

  /** Percentage of an entry. */
  percentageOf(entry: number): number {
    return this.percentages[entry] ?? 0;
  }

  /** All flags of an entry: bit 0 is that of the flag 0. */
  flagsOf(entry: number): number {
    return this.flags[entry] ?? 0;
  }

  private holds(entry: number, high: number, low: number, percentage: number): boolean {
    return (
      this.lows[entry] === low &&
      this.highs[entry] === high &&
      this.percentages[entry] === percentage
    );
  }

  private slotOf(high: number, low: number, percentage: number): number {
    let mixed = Math.imul(high, spread.high) ^ Math.imul(low, spread.low);
    mixed ^= Math.imul(percentage + 1, spread.percentage);
    mixed ^= mixed >>> 15;
    return mixed & (this.slots.length - 1);
  }

  /** Slot of an entry, or the free one where it would be. */
  private placeOf(high: number, low: number, percentage: number): number {
    let slot = this.slotOf(high, low, percentage);
    for (;;) {
      const entry = (this.slots[slot] ?? 0) - 1;
      if (entry === -1 || this.holds(entry, high, low, percentage)) return slot;
      slot = (slot + 1) & (this.slots.length - 1);
    }
  }

  private grow(): void {
    this.room *= 2;
    this.highs = resized(this.highs, new Uint32Array(this.room));
    this.lows = resized(this.lows, new Uint32Array(this.room));
    this.percentages = resized(this.percentages, new Uint8Array(this.room));
    this.flags = resized(this.flags, new Uint16Array(this.room));
    if (this.marks !== undefined) this.marks = resized(this.marks, new Uint16Array(this.room));
    this.slots = new Int32Array(this.room * slotsPerEntry);
    for (let entry = 0; entry < this.length; entry += 1) {
      const [high, low] = [this.highs[entry] ?? 0, this.lows[entry] ?? 0];
      this.slots[this.placeOf(high, low, this.percentages[entry] ?? 0)] = entry + 1;
    }
  }
}

function resized<T extends Uint8Array | Uint16Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/**
 * The pending events of the simulator, in the order of (time, insertion).
 *
 * A wheel of buckets takes what is due soon: bucket k of width w holds the events of the times [kw, kw +
 * w), in order, as a list; times further than one turn ahead, and events of a bucket that is crowded, go to
 * a heap. The first event is the earlier one of the two firsts, so where an event lies changes speed and
 * never order. The queue measures how dense events are and re-lays the wheel when its width does not fit:
 * usually half of the mean distance of two events, when most buckets hold none or one. Whatever the times,
 * no operation costs more than the heap's log n and a look at one bit per bucket, apart from re-laying, which
 * happens at most once in several n pushes.
 */
import { EventDensity } from './event-density.js';
import { EventHeap } from './event-heap.js';

/** What to start with; all of it adapts. */
export interface EventQueueOptions {
  /** Events that fit without growing. */
  capacity?: number;
  /** Width of a bucket in units of time; rounded to a power of two, so that dividing by it is exact. */
  bucketWidth?: number;
  /** Number of buckets; rounded up to a power of two. */
  buckets?: number;
}

/** A state of an event queue, to go back to; unaffected by what happens to the queue afterwards. */
export interface EventQueueSnapshot {
  readonly now: number;
  readonly times: Float64Array;
  readonly sequences: Float64Array;
  readonly payloads: Int32Array;
  readonly next: Int32Array;
  readonly free: number;
  readonly sequence: number;
}

const NONE = -1;
/** Longest walk along a bucket before an event goes to the heap instead. */
const WALK = 8;
const MIN_BUCKETS = 1024;
const MAX_BUCKETS = 1 << 17;
/** Widths are from 2^-WIDTHS to 2^WIDTHS: beyond any that is meant. */
const WIDTHS = 256;
/** Bits of a double's fraction: buckets finer than a time's last bit would be of no use. */
const FRACTION = 52;
/** Cancelled events that may lie around whatever the size. */
const CANCELLED = 256;

// `private` and not #, and `push` and `pop` with the usual case written out: each is worth some per cent of
// the hold model (`npm run bench simulate-engine`).
export class EventQueue {
  // Per event: its time; its sequence, 0 when the number is free, and half more when the event is cancelled
  // (which leaves its place in the order); its payload; the next number in its bucket or among the free.
  private times: Float64Array;
  private sequences: Float64Array;
  private payloads: Int32Array;
  private next: Int32Array;
  /** First free number, and the numbers from which on none was ever used. */
  private free = NONE;
  private used = 0;
  private sequence = 0;
  private now = 0;
  private cancelled = 0;

  // The wheel: the first event of each bucket, and a bit for each that has one.
  private heads = new Int32Array(0);
  private bits = new Int32Array(0);
  private mask = 0;
  private width = 0;
  private perWidth = 0;
  /** Events closer than this lie in one turn of the wheel, wherever in its bucket the present is. */
  private reach = 0;
  private inWheel = 0;
  /** No event of the wheel lies before this bucket; `near` is a lower bound of their times. */
  private slot = 0;
  private near = Infinity;

  private readonly heap: EventHeap;

  private readonly density = new EventDensity();

  /** @throws RangeError for options that are not positive numbers */
  constructor({ capacity = 256, bucketWidth = 512, buckets = MIN_BUCKETS }: EventQueueOptions = {}) {
    if (!(capacity > 0 && bucketWidth > 0 && bucketWidth < Infinity && buckets > 0))
      throw new RangeError(`an event queue of ${capacity} events, ${buckets} buckets of ${bucketWidth}`);
    const events = Math.ceil(capacity);
    this.times = new Float64Array(events);
    this.sequences = new Float64Array(events);
    this.payloads = new Int32Array(events);
    this.next = new Int32Array(events);
    this.heap = new EventHeap(events);
    this.lay(bucketWidth, 2 ** Math.ceil(Math.log2(Math.min(Math.max(buckets, 32), MAX_BUCKETS))));
  }

  /** Events pending. */
  get size(): number {
    return this.inWheel + this.heap.count - this.cancelled;
  }

  /** Time of the event that was popped last; 0 before. */
  get time(): number {
    return this.now;
  }

  /**
   * Adds an event.
   *
   * @param time finite, not before the event that was popped last
   * @param payload 32-bit integer
   * @returns handle for `cancel`; it is used again once the event is popped or cancelled
   * @throws RangeError for a time that is in the past or not finite
   */
  push(time: number, payload: number): number {
    const delay = time - this.now;
    if (!(delay >= 0 && delay < Infinity)) this.refuse(time);
    let id = this.free;
    if (id === NONE) id = this.unused();
    else this.free = this.next[id];
    const sequence = ++this.sequence;
    this.times[id] = time;
    this.sequences[id] = sequence;
    this.payloads[id] = payload;
    if (delay < this.reach) {
      const slot = (time * this.perWidth) & this.mask;
      if (this.heads[slot] === NONE) {
        this.next[id] = NONE;
        this.heads[slot] = id;
        this.bits[slot >> 5] |= 1 << slot;
        this.inWheel++;
      } else this.insert(id, slot);
      if (time < this.near) {
        this.near = time;
        this.slot = slot;
      }
    } else this.heap.push(id, this.times, this.sequences);
    if (sequence >= this.density.due) this.measure();
    return id;
  }

  /**
   * Removes a pending event.
   *
   * @param handle from `push`; one whose event is gone must not be used: it may be another event's by now
   * @throws RangeError for a handle that is no event's
   */
  cancel(handle: number): void {
    const sequence = this.sequences[handle];
    // Of what is no number of an event it is undefined.
    if (!(sequence > 0) || isCancelled(sequence)) throw new RangeError(`no event has the handle ${handle}`);
    this.sequences[handle] = sequence + 0.5;
    if (++this.cancelled > CANCELLED && this.cancelled > this.size) this.sweep();
  }

  /** Time of the first event; Infinity when there is none. */
  peekTime(): number {
    for (;;) {
      const id = this.first();
      if (id === NONE) return Infinity;
      if (this.cancelled === 0 || !isCancelled(this.sequences[id])) return this.times[id];
      this.cancelled--;
      this.remove(id);
    }
  }

  /**
   * Removes the first event; `time` becomes its time.
   *
   * @returns its payload
   * @throws RangeError when there is none
   */
  pop(): number {
    if (this.inWheel > 0) {
      const heads = this.heads;
      let slot = this.slot;
      let id = heads[slot];
      if (id === NONE) {
        slot = this.filled(slot);
        id = heads[slot];
        this.slot = slot;
      }
      const time = this.times[id];
      this.near = time;
      if (time < this.heap.firstTime && (this.cancelled === 0 || !isCancelled(this.sequences[id]))) {
        const next = this.next;
        const after = next[id];
        heads[slot] = after;
        if (after === NONE) this.bits[slot >> 5] &= ~(1 << slot);
        this.inWheel--;
        this.sequences[id] = 0;
        next[id] = this.free;
        this.free = id;
        this.now = time;
        return this.payloads[id];
      }
    }
    return this.popAny();
  }

  /** Removes all events and goes back to time 0. */
  clear(): void {
    this.sequences.fill(0, 0, this.used);
    this.used = 0;
    this.now = 0;
    this.sequence = 0;
    this.free = NONE;
    this.cancelled = 0;
    this.density.restart(this.sequence);
    this.relink();
  }

  /** The state as it is, in about 24 bytes per event. */
  snapshot(): EventQueueSnapshot {
    return {
      now: this.now,
      times: this.times.slice(0, this.used),
      sequences: this.sequences.slice(0, this.used),
      payloads: this.payloads.slice(0, this.used),
      next: this.next.slice(0, this.used),
      free: this.free,
      sequence: this.sequence,
    };
  }

  /**
   * Goes back to a state, of this or another queue: what follows gives the same events and handles as then.
   */
  restore(snapshot: EventQueueSnapshot): void {
    const used = snapshot.times.length;
    while (this.times.length < used) this.grow();
    this.times.set(snapshot.times);
    this.sequences.set(snapshot.sequences);
    this.sequences.fill(0, used);
    this.payloads.set(snapshot.payloads);
    this.next.set(snapshot.next);
    this.used = used;
    this.free = snapshot.free;
    this.now = snapshot.now;
    this.sequence = snapshot.sequence;
    this.cancelled = snapshot.sequences.filter(isCancelled).length;
    this.density.restart(this.sequence);
    this.relink();
  }

  private refuse(time: number): never {
    throw new RangeError(`an event at ${time} cannot be added at ${this.now}: it must be later, and finite`);
  }

  /** A number that was never used. */
  private unused(): number {
    if (this.used === this.times.length) this.grow();
    return this.used++;
  }

  private grow(): void {
    const capacity = 2 * this.times.length;
    this.times = copied(this.times, new Float64Array(capacity));
    this.sequences = copied(this.sequences, new Float64Array(capacity));
    this.payloads = copied(this.payloads, new Int32Array(capacity));
    this.next = copied(this.next, new Int32Array(capacity));
  }

  /** Puts an event to where it belongs by now; `push` does the same in place. */
  private place(id: number, time: number, delay: number): void {
    if (delay >= this.reach) {
      this.heap.push(id, this.times, this.sequences);
      return;
    }
    const slot = (time * this.perWidth) & this.mask;
    if (this.heads[slot] === NONE) {
      this.next[id] = NONE;
      this.heads[slot] = id;
      this.bits[slot >> 5] |= 1 << slot;
      this.inWheel++;
    } else this.insert(id, slot);
    if (time < this.near) {
      this.near = time;
      this.slot = slot;
    }
  }

  /** Puts an event into a bucket that has some, or to the heap if it would have to pass many of them. */
  private insert(id: number, slot: number): void {
    const times = this.times;
    const time = times[id];
    const sequences = this.sequences;
    const next = this.next;
    const sequence = sequences[id];
    let before = NONE;
    let after = this.heads[slot];
    for (let steps = 0; after !== NONE; steps++) {
      const other = times[after];
      if (other > time || (other === time && sequences[after] > sequence)) break;
      if (steps === WALK) {
        this.heap.push(id, times, sequences);
        return;
      }
      before = after;
      after = next[after];
    }
    next[id] = after;
    if (before === NONE) this.heads[slot] = id;
    else next[before] = id;
    this.inWheel++;
  }

  /** The first bucket from `slot` on that is not empty; there must be one. */
  private filled(slot: number): number {
    const bits = this.bits;
    const words = this.mask >> 5;
    let word = slot >> 5;
    let set = bits[word] & (-1 << slot);
    while (set === 0) {
      word = (word + 1) & words;
      set = bits[word];
    }
    return (word << 5) + 31 - Math.clz32(set & -set);
  }

  /**
   * Number of the first event, cancelled or not; NONE when there is none. If it is the wheel's, `slot` has
   * it.
   */
  private first(): number {
    const heap = this.heap;
    if (this.inWheel === 0) return heap.count === 0 ? NONE : heap.first;
    if (this.heads[this.slot] === NONE) this.slot = this.filled(this.slot);
    const id = this.heads[this.slot];
    const time = this.times[id];
    this.near = time;
    if (time < heap.firstTime) return id;
    if (time > heap.firstTime) return heap.first;
    return this.sequences[id] < this.sequences[heap.first] ? id : heap.first;
  }

  /** `pop` in every case. */
  private popAny(): number {
    let id = this.first();
    while (id !== NONE && isCancelled(this.sequences[id])) {
      this.cancelled--;
      this.remove(id);
      id = this.first();
    }
    if (id === NONE) throw new RangeError('no event is pending');
    this.remove(id);
    this.now = this.times[id];
    return this.payloads[id];
  }

  /** Takes away the event that `first` has just given. */
  private remove(id: number): void {
    const slot = this.slot;
    if (this.heads[slot] === id) {
      const after = this.next[id];
      this.heads[slot] = after;
      if (after === NONE) this.bits[slot >> 5] &= ~(1 << slot);
      this.inWheel--;
    } else {
      this.heap.removeFirst(this.sequences);
      // The wheel's bound may now lie in the past, a turn behind.
      if (this.inWheel === 0) this.near = Infinity;
    }
    this.sequences[id] = 0;
    this.next[id] = this.free;
    this.free = id;
  }

  private measure(): void {
    const gap = this.density.step(this.sequence, this.now, this.size);
    if (gap < 0) return;
    const finest = this.now * 2 ** -FRACTION;
    const ideal = gap > 0 ? Math.max(gap / 2, finest) : this.width;
    const buckets = powerOfTwo(Math.min(Math.max(8 * this.size, MIN_BUCKETS), MAX_BUCKETS), Math.ceil);
    const there = this.mask + 1;
    const fits = this.width >= ideal / 2 && this.width <= 2 * ideal;
    if (!fits || there < buckets || there > 4 * buckets) this.lay(ideal, buckets);
  }

  /** Makes a wheel of about this width of bucket. */
  private lay(width: number, buckets: number): void {
    this.width = powerOfTwo(Math.min(Math.max(width, 2 ** -WIDTHS), 2 ** WIDTHS), Math.round);
    this.perWidth = 1 / this.width;
    this.reach = (buckets - 1) * this.width;
    // `| 0`: a power of two is a double for the engine otherwise.
    this.mask = (buckets - 1) | 0;
    if (this.heads.length !== buckets) {
      this.heads = new Int32Array(buckets);
      this.bits = new Int32Array(buckets >> 5);
    }
    this.relink();
  }

  /** Puts every event to where it belongs by now. */
  private relink(): void {
    this.heads.fill(NONE);
    this.bits.fill(0);
    this.inWheel = 0;
    this.near = Infinity;
    this.heap.clear();
    for (let id = 0; id < this.used; id++) {
      if (this.sequences[id] === 0) continue;
      const time = this.times[id];
      this.place(id, time, time - this.now);
    }
  }

  /** Frees cancelled events. */
  private sweep(): void {
    for (let id = 0; id < this.used; id++) {
      if (!isCancelled(this.sequences[id])) continue;
      this.sequences[id] = 0;
      this.next[id] = this.free;
      this.free = id;
    }
    this.cancelled = 0;
    this.relink();
  }
}

function isCancelled(sequence: number): boolean {
  return Math.floor(sequence) !== sequence;
}

function powerOfTwo(value: number, round: (exponent: number) => number): number {
  return 2 ** round(Math.log2(value));
}

function copied<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

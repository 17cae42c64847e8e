/**
 * A binary-tree's wider sister: a heap of four children per node, of event numbers ordered by (time,
 * sequence).
 *
 * The event queue keeps here what its wheel cannot hold. Times lie beside the numbers, because all but ties
 * are decided by them; sequences stay with the queue, which passes its array.
 */
export class EventHeap {
  /** Events in it. */
  count = 0;
  /** Time of the first event; Infinity when there is none. */
  firstTime = Infinity;
  #times: Float64Array;
  #ids: Int32Array;

  constructor(capacity: number) {
    this.#times = new Float64Array(capacity);
    this.#ids = new Int32Array(capacity);
  }

  /** Number of the first event; of no meaning when there is none. */
  get first(): number {
    return this.#ids[0];
  }

  push(id: number, timeOf: Float64Array, sequences: Float64Array): void {
    if (this.count === this.#ids.length) this.#grow();
    const times = this.#times;
    const ids = this.#ids;
    const time = timeOf[id];
    const sequence = sequences[id];
    let at = this.count++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const above = times[parent];
      if (time > above || (time === above && sequence > sequences[ids[parent]])) break;
      times[at] = above;
      ids[at] = ids[parent];
      at = parent;
    }
    times[at] = time;
    ids[at] = id;
    this.firstTime = times[0];
  }

  /** Removes the first event, of which there must be one. */
  removeFirst(sequences: Float64Array): void {
    const times = this.#times;
    const ids = this.#ids;
    const count = --this.count;
    if (count === 0) {
      this.firstTime = Infinity;
      return;
    }
    // The last one takes the first one's place and sinks.
    const time = times[count];
    const id = ids[count];
    const sequence = sequences[id];
    let at = 0;
    for (let child = 1; child < count; child = 4 * at + 1) {
      let least = child;
      let leastTime = times[child];
      const end = Math.min(child + 4, count);
      for (let other = child + 1; other < end; other++) {
        const otherTime = times[other];
        if (
          otherTime < leastTime ||
          (otherTime === leastTime && sequences[ids[other]] < sequences[ids[least]])
        ) {
          least = other;
          leastTime = otherTime;
        }
      }
      if (leastTime > time || (leastTime === time && sequences[ids[least]] > sequence)) break;
      times[at] = leastTime;
      ids[at] = ids[least];
      at = least;
    }
    times[at] = time;
    ids[at] = id;
    this.firstTime = times[0];
  }

  clear(): void {
    this.count = 0;
    this.firstTime = Infinity;
  }

  #grow(): void {
    const times = new Float64Array(2 * this.count);
    times.set(this.#times);
    this.#times = times;
    const ids = new Int32Array(2 * this.count);
    ids.set(this.#ids);
    this.#ids = ids;
  }
}

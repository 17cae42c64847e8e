/**
 * The event queue against a sorted list: whatever is pushed, cancelled and popped, the order is that of
 * (time, insertion), for dense and sparse times, bursts, equal times and heavy tails, and across snapshots.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue } from './event-queue.js';
import { Random } from './random.js';

/** The obvious implementation. */
class SortedList {
  readonly #events: { time: number; payload: number; sequence: number }[] = [];
  #sequence = 0;

  push(time: number, payload: number): number {
    this.#events.push({ time, payload, sequence: ++this.#sequence });
    return this.#sequence;
  }

  cancel(sequence: number): void {
    this.#events.splice(
      this.#events.findIndex((event) => event.sequence === sequence),
      1,
    );
  }

  pop(): { time: number; payload: number } | undefined {
    this.#events.sort((a, b) => a.time - b.time || a.sequence - b.sequence);
    return this.#events.shift();
  }
}

/** Delays of very different sizes: at once, within a bucket, within a turn of the wheel, far away. */
const delay = fc.oneof(
  fc.constant(0),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.integer({ min: 0, max: 2000 }),
  fc.integer({ min: 0, max: 2_000_000 }),
  fc.double({ min: 0, max: 1e13, noNaN: true }),
);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('push' as const), delay }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pop' as const), delay: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), delay: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), delay: fc.constant(0) }) },
);

describe('the order of (time, insertion)', () => {
  it('is that of a sorted list, with cancelled events left out and snapshots in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), fc.nat(3), (steps, size) => {
        let queue = new EventQueue({ capacity: 1 + size, bucketWidth: 2 ** size, buckets: 32 });
        const list = new SortedList();
        const seen: number[][] = [];
        const wanted: number[][] = [];
        const pending: { handle: number; sequence: number; payload: number }[] = [];
        for (const [payload, { kind, delay: wait }] of steps.entries()) {
          if (kind === 'push') {
            const time = queue.time + wait;
            pending.push({ handle: queue.push(time, payload), sequence: list.push(time, payload), payload });
          } else if (kind === 'cancel' && pending.length > 0) {
            const [{ handle, sequence }] = pending.splice(wait % pending.length, 1);
            queue.cancel(handle);
            list.cancel(sequence);
          } else if (kind === 'snapshot') {
            const copy = new EventQueue();
            copy.restore(queue.snapshot());
            queue = copy;
          } else if (kind === 'pop' && pending.length > 0) {
            const first = list.pop() ?? { time: -1, payload: -1 };
            wanted.push([first.time, first.payload, first.time]);
            seen.push([queue.peekTime(), queue.pop(), queue.time]);
            pending.splice(
              pending.findIndex((each) => each.payload === first.payload),
              1,
            );
          }
          seen.push([queue.size]);
          wanted.push([pending.length]);
        }
        expect(seen).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('equal times come in the order in which they were pushed, at the present too', () => {
    const queue = new EventQueue();
    for (let payload = 0; payload < 5000; payload++) queue.push(payload % 2 === 0 ? 7 : 1e12, payload);
    const order: number[] = [];
    while (queue.size > 0) {
      order.push(queue.pop());
      if (order.length === 10) queue.push(queue.time, -1);
    }
    const even = Array.from({ length: 2500 }, (_, index) => index * 2);
    expect(order.slice(0, 2501)).toEqual([...even, -1]);
    expect(order.slice(2501)).toEqual(even.map((payload) => payload + 1));
  });

  it('is kept for 100,000 events of a kernel-like mixture, and for a queue that grows from one', () => {
    // 50 % after 100 ns, 40 % after 3 us, 10 % after 1 ms, exponentially distributed.
    const random = new Random(7);
    const draw = (): number => {
      const kind = random.below(10);
      return -Math.log(1 - random.unit()) * (kind < 5 ? 100 : kind < 9 ? 3000 : 1e6);
    };
    const queues = [new EventQueue({ capacity: 1 }), new EventQueue({ bucketWidth: 1e9, buckets: 32 })];
    for (let event = 0; event < 300; event++) {
      const time = draw();
      for (const queue of queues) queue.push(time, event);
    }
    let last = -1;
    for (let count = 0; count < 100_000; count++) {
      const [first, second] = queues.map((queue) => ({ payload: queue.pop(), time: queue.time }));
      expect(second).toEqual(first);
      expect(first.time).toBeGreaterThanOrEqual(last);
      last = first.time;
      const time = first.time + draw();
      for (const queue of queues) queue.push(time, count);
    }
  });
});

describe('what it refuses', () => {
  it.each([
    [4, 'an event at 4 cannot be added at 5'],
    [Number.NaN, 'NaN cannot be added'],
    [Infinity, 'Infinity cannot be added'],
  ])('an event at %d', (time, message) => {
    const queue = new EventQueue();
    queue.push(5, 1);
    queue.pop();
    expect(() => queue.push(time, 1)).toThrow(message);
  });

  it('popping from nothing, cancelling nothing, a width of nothing', () => {
    const queue = new EventQueue();
    expect(() => queue.pop()).toThrow(RangeError);
    expect(() => queue.cancel(3)).toThrow('no event has the handle 3');
    expect(() => new EventQueue({ bucketWidth: 0 })).toThrow(RangeError);
    const handle = queue.push(1, 1);
    queue.cancel(handle);
    expect(() => queue.cancel(handle)).toThrow('no event has the handle');
    expect(queue.peekTime()).toBe(Infinity);
  });

  it('is empty after clear, and begins at 0 again', () => {
    const queue = new EventQueue();
    for (let event = 0; event < 1000; event++) queue.push(event * 1e4, event);
    for (let event = 0; event < 500; event++) queue.pop();
    queue.clear();
    expect([queue.size, queue.time, queue.peekTime()]).toEqual([0, 0, Infinity]);
    queue.push(3, 9);
    expect(queue.pop()).toBe(9);
  });
});

/**
 * The event queue against obvious ones: whatever is pushed, cancelled and popped, the order is that of (time,
 * insertion), for dense and sparse times, bursts, equal times and heavy tails, and across snapshots.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue, type EventQueueOptions } from './event-queue.js';

/** Pending events as a sorted array: what the queue must behave like. */
class Reference {
  time = 0;
  pending: { time: number; payload: number; handle: number }[] = [];

  push(time: number, payload: number, handle: number): void {
    let at = this.pending.length;
    while (at > 0 && this.pending[at - 1].time > time) at--;
    this.pending.splice(at, 0, { time, payload, handle });
  }

  pop(): number {
    const first = this.pending.shift();
    if (first === undefined) throw new Error('the reference is empty');
    this.time = first.time;
    return first.payload;
  }
}

/** A binary heap of [time, sequence, payload], written to be obvious. */
class ObviousHeap {
  readonly #nodes: [time: number, sequence: number, payload: number][] = [];
  #sequence = 0;
  time = 0;

  push(time: number, payload: number): void {
    const nodes = this.#nodes;
    nodes.push([time, this.#sequence++, payload]);
    for (let at = nodes.length - 1; at > 0 && this.#before(at, (at - 1) >> 1); at = (at - 1) >> 1) {
      this.#swap(at, (at - 1) >> 1);
    }
  }

  pop(): number {
    const nodes = this.#nodes;
    this.#swap(0, nodes.length - 1);
    const [time, , payload] = nodes.pop() ?? [NaN, NaN, NaN];
    for (let at = 0, child = 1; child < nodes.length; at = child, child = 2 * at + 1) {
      if (child + 1 < nodes.length && this.#before(child + 1, child)) child++;
      if (this.#before(at, child)) break;
      this.#swap(at, child);
    }
    this.time = time;
    return payload;
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#nodes[a], this.#nodes[b]];
    return x[0] < y[0] || (x[0] === y[0] && x[1] < y[1]);
  }

  #swap(a: number, b: number): void {
    [this.#nodes[a], this.#nodes[b]] = [this.#nodes[b], this.#nodes[a]];
  }
}

/** Uniform in [0, 1), the same sequence for the same seed. */
function uniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const exponential = (random: () => number, mean: number): number => -Math.log(1 - random()) * mean;

/** Delays as a kernel has them: 50 % exp(100 ns), 40 % exp(3 us), 10 % exp(1 ms). */
function kernelDelay(random: () => number): number {
  const kind = random();
  return exponential(random, kind < 0.5 ? 100 : kind < 0.9 ? 3000 : 1e6);
}

/** FNV-1a over the order of `steps` events of a hold model with `pending` of them; times by their bits. */
function orderHash(queue: EventQueue | ObviousHeap, steps: number, pending: number): number {
  const random = uniform(0x9e3779b9);
  const bits = new Float64Array(1);
  const halves = new Int32Array(bits.buffer);
  let hash = 0x811c9dc5;
  for (let event = 0; event < pending; event++) queue.push(kernelDelay(random), event);
  for (let step = 0; step < steps; step++) {
    const payload = queue.pop();
    bits[0] = queue.time;
    for (const word of [payload, halves[0], halves[1]]) hash = Math.imul(hash ^ word, 0x01000193);
    queue.push(queue.time + kernelDelay(random), (random() * 1000) | 0);
  }
  return hash;
}

/** Pops everything and says what came at what time. */
function drain(queue: EventQueue): [time: number, payload: number][] {
  const events: [number, number][] = [];
  while (queue.size > 0) {
    const payload = queue.pop();
    events.push([queue.time, payload]);
  }
  return events;
}

const delay = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 3 }),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 1e4, noNaN: true }),
  // Heavy tail: any magnitude is as likely as any other.
  fc.double({ min: -30, max: 45, noNaN: true }).map((exponent) => 2 ** exponent),
);

const count = fc.integer({ min: 2, max: 80 });
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('push' as const), delay }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pop' as const), count: fc.constant(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pop' as const), count }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('burst' as const), delay, count }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
  // Not before each pop: looking must not be what keeps the queue right.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('peek' as const) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const options: fc.Arbitrary<EventQueueOptions> = fc.record({
  capacity: fc.integer({ min: 1, max: 64 }),
  bucketWidth: fc.integer({ min: -20, max: 40 }).map((exponent) => 2 ** exponent),
  buckets: fc.constantFrom(32, 64, 1024),
});

/** Does one operation to both and writes down what can be seen of each. */
function apply(queue: EventQueue, reference: Reference, step: Operation, payload: number, log: Log): void {
  const push = (time: number): void => reference.push(time, payload, queue.push(time, payload));
  const pop = (): void => {
    log.wanted.push(reference.pop(), reference.time);
    log.seen.push(queue.pop(), queue.time);
  };
  if (step.kind === 'push') push(reference.time + step.delay);
  else if (step.kind === 'burst') {
    for (let i = 0; i < step.count; i++) push(reference.time + step.delay);
  } else if (step.kind === 'pop') {
    for (let i = 0; i < step.count && reference.pending.length > 0; i++) pop();
  } else if (step.kind === 'cancel' && reference.pending.length > 0) {
    const at = step.which % reference.pending.length;
    queue.cancel(reference.pending[at].handle);
    reference.pending.splice(at, 1);
  } else if (step.kind === 'peek') {
    log.wanted.push(reference.pending.at(0)?.time ?? Infinity);
    log.seen.push(queue.peekTime());
  } else if (step.kind === 'restore') queue.restore(queue.snapshot());
  log.wanted.push(reference.pending.length);
  log.seen.push(queue.size);
}

/** What happened in the queue, and what should have. */
interface Log {
  seen: number[];
  wanted: number[];
}

describe('the order of (time, insertion)', () => {
  it('is that of a sorted array', () => {
    fc.assert(
      fc.property(options, fc.array(operation, { maxLength: 400 }), (start, operations) => {
        const queue = new EventQueue(start);
        const reference = new Reference();
        const log: Log = { seen: [], wanted: [] };
        operations.forEach((step, index) => apply(queue, reference, step, index, log));
        expect(log.seen).toEqual(log.wanted);
        const rest = reference.pending.map(({ time, payload }) => [time, payload]);
        expect(drain(queue)).toEqual(rest);
      }),
      { numRuns: 400 },
    );
  });

  it.each([64, 1000, 4000])(
    'gives 1e5 events of the kernel mixture in the order of a heap, %i pending',
    (pending) => {
      const expected = orderHash(new ObviousHeap(), 1e5, pending);
      expect(orderHash(new EventQueue(), 1e5, pending)).toBe(expected);
      expect(orderHash(new EventQueue({ bucketWidth: 1e9, buckets: 32 }), 1e5, pending)).toBe(expected);
      expect(orderHash(new EventQueue({ bucketWidth: 1e-9 }), 1e5, pending)).toBe(expected);
    },
  );

  it('is kept among equal times that lie partly in the wheel and partly in the heap', () => {
    const queue = new EventQueue({ bucketWidth: 1, buckets: 32 });
    // 1000 is out of reach at first and within it later: both places hold events of one time.
    for (let event = 0; event < 50; event++) queue.push(1000, event);
    queue.push(990, -1);
    expect(queue.pop()).toBe(-1);
    for (let event = 50; event < 100; event++) queue.push(1000, event);
    expect(drain(queue)).toEqual(Array.from({ length: 100 }, (_, event) => [1000, event]));
  });

  it('is kept for thousands of one time, near and far, with one more at the present', () => {
    const queue = new EventQueue();
    for (let payload = 0; payload < 5000; payload++) queue.push(payload % 2 === 0 ? 7 : 1e12, payload);
    const order = Array.from({ length: 10 }, () => queue.pop());
    queue.push(queue.time, -1);
    while (queue.size > 0) order.push(queue.pop());
    const even = Array.from({ length: 2500 }, (_, index) => index * 2);
    expect(order).toEqual([...even, -1, ...even.map((payload) => payload + 1)]);
  });

  it('puts an event at the present behind those of that time which are there', () => {
    const queue = new EventQueue();
    queue.push(5, 1);
    queue.push(5, 2);
    expect(queue.pop()).toBe(1);
    queue.push(5, 3);
    expect(drain(queue)).toEqual([
      [5, 2],
      [5, 3],
    ]);
  });

  it('is exact for times up to 2^53', () => {
    const queue = new EventQueue({ bucketWidth: 1e-3 });
    const times = [2 ** 53, 2 ** 53 - 1, 0.1, 2 ** 52 + 0.5, 2 ** 52, 2 ** 40 + 2 ** -12, 2 ** 40];
    times.forEach((time, index) => queue.push(time, index));
    expect(drain(queue).map(([time]) => time)).toEqual(times.toSorted((a, b) => a - b));
  });
});

describe('what it refuses', () => {
  it('the past, and times that are none', () => {
    const queue = new EventQueue();
    queue.push(10, 1);
    queue.pop();
    for (const time of [9.999, -1, NaN, Infinity, -Infinity]) {
      expect(() => queue.push(time, 2)).toThrow(`an event at ${time} cannot be added at 10`);
    }
    expect(queue.size).toBe(0);
    expect(() => queue.pop()).toThrow('no event is pending');
    expect(() => new EventQueue({ bucketWidth: 0 })).toThrow('an event queue of');
  });

  it('a handle whose event is gone', () => {
    const queue = new EventQueue();
    const handle = queue.push(1, 7);
    const other = queue.push(1, 8);
    queue.cancel(handle);
    expect(() => queue.cancel(handle)).toThrow(`no event has the handle ${handle}`);
    expect(queue.pop()).toBe(8);
    for (const gone of [other, 99, -1]) expect(() => queue.cancel(gone)).toThrow(`the handle ${gone}`);
  });
});

describe('an event queue', () => {
  it('holds no more numbers than events when timers are set and cancelled all the time', () => {
    const queue = new EventQueue({ capacity: 16 });
    let highest = 0;
    let popped = 0;
    for (let round = 0; round < 20_000; round++) {
      const handle = queue.push(queue.time + 1e9, 0);
      highest = Math.max(highest, handle);
      queue.cancel(handle);
      if (round % 10 === 0) {
        queue.push(queue.time + 1, 1);
        popped += queue.pop();
      }
    }
    expect(popped).toBe(2000);
    expect(queue.size).toBe(0);
    expect(highest).toBeLessThan(1024);
  });

  it('starts afresh after clear', () => {
    const queue = new EventQueue();
    const handle = queue.push(1e6, 1);
    queue.push(1, 2);
    queue.pop();
    queue.clear();
    expect([queue.size, queue.time, queue.peekTime()]).toEqual([0, 0, Infinity]);
    expect(() => queue.cancel(handle)).toThrow('no event');
    queue.push(0.5, 3);
    expect(drain(queue)).toEqual([[0.5, 3]]);
  });
});

describe('snapshot of an event queue', () => {
  /** Steps of a hold model with cancelling; what came, and the handles. */
  function play(queue: EventQueue, random: () => number, steps: number): number[] {
    const seen: number[] = [];
    for (let step = 0; step < steps; step++) {
      seen.push(queue.pop(), queue.time);
      const timer = queue.push(queue.time + kernelDelay(random) + 1e6, -step);
      const handle = queue.push(queue.time + kernelDelay(random), step);
      seen.push(timer, handle);
      if (random() < 0.95) queue.cancel(timer);
    }
    return seen;
  }

  it('brings back events and handles, in this queue and in another, as often as wanted', () => {
    const queue = new EventQueue({ capacity: 4 });
    for (let event = 0; event < 200; event++) queue.push(event, event);
    play(queue, uniform(1), 2000);
    const snapshot = queue.snapshot();
    const { size } = queue;
    const expected = play(queue, uniform(2), 5000);
    queue.restore(snapshot);
    expect(queue.size).toBe(size);
    expect(play(queue, uniform(2), 5000)).toEqual(expected);
    const other = new EventQueue({ capacity: 1, bucketWidth: 1e6 });
    other.push(12, 34);
    other.restore(snapshot);
    expect(play(other, uniform(2), 5000)).toEqual(expected);
  });

  it('forgets what came after it', () => {
    const queue = new EventQueue();
    const empty = queue.snapshot();
    const handle = queue.push(3, 1);
    queue.restore(empty);
    expect(queue.size).toBe(0);
    expect(() => queue.cancel(handle)).toThrow('no event');
    queue.push(2, 5);
    expect(drain(queue)).toEqual([[2, 5]]);
  });
});

'use coroutines';
/**
 * Several threads at mmu_lock, each on a CPU of its own, in virtual time: who gets in when, by kind of lock.
 * A unit of work is 1000 ns, and everything else takes 0.001 ns or so, so that moments are whole units.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SimThread } from '../../simulate/sim-thread.js';
import { kvmWorld, type KvmWorld } from '../../simulate/testing/kvm-world.js';
import { ThreadState } from '../../simulate/thread-state.js';
import { Cost } from '../costs.js';
import { kernelPolicy } from '../kernels.js';
import type { Kvm } from '../kvm.js';
import type { Step, Thread } from '../operations.js';
import type { Policy, PolicyChange } from '../policies.js';
import {
  condReschedRwlockWrite,
  faultReadLock,
  readLock,
  readUnlock,
  writeLock,
  writeUnlock,
} from './rwlock.js';

const KINDS = ['qrwlock', 'test-and-set', 'ticket', 'fair', 'rt', 'contract'] as const;
type Kind = (typeof KINDS)[number];
const MOST_THREADS = 8;

function world(change: PolicyChange): KvmWorld {
  const policy: Policy = {
    ...kernelPolicy('v7.3'),
    preempt: change.lock === 'rt' ? 'rt' : 'full',
    ...change,
  };
  const config = { policy, vcpus: 1, slots: [{ pages: 4 }], geometry: { bits: 2, levels: 1 }, tlbEntries: 2 };
  return kvmWorld(config, MOST_THREADS, { faultSetup: 1000 }, 0.001);
}

/**
 * One visit: think, take the lock, stay, leave. What it did and the unit of time in which it did go to
 * `log`.
 */
function* visit(
  t: Thread,
  kvm: Kvm,
  name: string,
  think: number,
  hold: number,
  log: (event: string) => void,
): Step<void> {
  yield* t.spend(Cost.faultSetup, think);
  const writes = name.startsWith('W');
  if (writes) yield* writeLock(t, kvm);
  else yield* faultReadLock(t, kvm, true);
  log(`+${name}`);
  yield* t.spend(Cost.faultSetup, hold);
  log(`-${name}`);
  if (writes) yield* writeUnlock(t, kvm);
  else yield* readUnlock(t, kvm);
}

/** A writer that offers the lock after each unit of work, until it has done `work`. */
function* yielder(t: Thread, kvm: Kvm, work: number, log: (event: string) => void): Step<void> {
  yield* writeLock(t, kvm);
  log('+W');
  for (let unit = 0; unit < work; unit++) {
    yield* t.spend(Cost.faultSetup, 1);
    if (yield* condReschedRwlockWrite(t, kvm)) log('W again');
  }
  log('-W');
  yield* writeUnlock(t, kvm);
}

/** Takes the lock `rounds` times, keeping count of who is inside. */
function* guarded(
  t: Thread,
  kvm: Kvm,
  rounds: readonly { write: boolean; think: number; hold: number }[],
  inside: { readers: number; writers: number; wrong: number },
): Step<void> {
  for (let round = 0; round < rounds.length; round++) {
    const { write, think, hold } = rounds[round];
    yield* t.spend(Cost.faultSetup, think);
    if (write) yield* writeLock(t, kvm);
    else yield* readLock(t, kvm);
    if (inside.writers > 0 || (write && inside.readers > 0)) inside.wrong++;
    if (write) inside.writers++;
    else inside.readers++;
    yield* t.spend(Cost.faultSetup, hold);
    if (write) inside.writers--;
    else inside.readers--;
    if (write) yield* writeUnlock(t, kvm);
    else yield* readUnlock(t, kvm);
  }
}

/** Visits as [name, when it comes, how long it stays]; the order of events, with their units of time. */
function visits(change: PolicyChange, ...list: [name: string, comes: number, stays: number][]): string[] {
  const { sim, kvm, spawn } = world(change);
  const log: string[] = [];
  for (const [name, comes, stays] of list) {
    const thread = spawn((t) =>
      visit(t, kvm, name, comes, stays, (event) => log.push(`${event} ${Math.round(thread.local / 1000)}`)),
    );
  }
  sim.run(1e9, 1e6);
  expect(sim.threads.map(({ state }) => state)).toEqual(list.map(() => ThreadState.Ended));
  return log;
}

describe('who gets in when', () => {
  // A writer has it until 20; a reader, a writer and two readers come, in this order.
  const QUEUE: [string, number, number][] = [
    ['W0', 0, 20],
    ['R1', 2, 10],
    ['W2', 4, 10],
    ['R3', 6, 10],
    ['R4', 8, 10],
  ];

  it.each(['qrwlock', 'fair'] as const)('%s: in order, and neighbouring readers together', (lock) => {
    expect(visits({ lock }, ...QUEUE)).toEqual([
      '+W0 0',
      '-W0 20',
      '+R1 20',
      '-R1 30',
      '+W2 30',
      '-W2 40',
      '+R3 40',
      '+R4 40',
      '-R3 50',
      '-R4 50',
    ]);
  });

  it('ticket: in order, and everybody alone', () => {
    expect(visits({ lock: 'ticket' }, ...QUEUE)).toEqual([
      '+W0 0',
      '-W0 20',
      '+R1 20',
      '-R1 30',
      '+W2 30',
      '-W2 40',
      '+R3 40',
      '-R3 50',
      '+R4 50',
      '-R4 60',
    ]);
  });

  it('rt: readers that have not met the writer yet go on in; then it takes their way in away', () => {
    const log = visits({ lock: 'rt' }, ['R0', 0, 10], ['R1', 2, 10], ['W2', 4, 10], ['R3', 6, 10]);
    expect(log).toEqual(['+R0 0', '+R1 2', '-R0 10', '-R1 12', '+W2 12', '-W2 22', '+R3 22', '-R3 32']);
  });

  it('qrwlock: a writer that waits keeps new readers out, though only readers are in', () => {
    const log = visits({ lock: 'qrwlock' }, ['R0', 0, 10], ['W1', 2, 10], ['R2', 4, 10]);
    expect(log).toEqual(['+R0 0', '-R0 10', '+W1 10', '-W1 20', '+R2 20', '-R2 30']);
  });

  it('a read_trylock() loop has no place in the queue: writers that come later go first', () => {
    const writers: [string, number, number][] = [
      ['W0', 0, 20],
      ['R1', 2, 10],
      ['W2', 10, 20],
      ['W3', 20, 20],
    ];
    const order = (faultLock: Policy['faultLock']): string[] =>
      visits({ faultLock }, ...writers).filter((event) => event.startsWith('+'));
    expect(order('queue')).toEqual(['+W0 0', '+R1 20', '+W2 30', '+W3 50']);
    expect(order('trylock-spin')).toEqual(['+W0 0', '+W2 20', '+W3 40', '+R1 60']);
  });
});

describe('a writer that yields', () => {
  function yields(change: PolicyChange, ...readers: [string, number, number][]): string[] {
    const { sim, kvm, spawn } = world(change);
    const log: string[] = [];
    const at = (thread: () => SimThread) => (event: string) =>
      log.push(`${event} ${Math.round(thread().local / 1000)}`);
    const writer: SimThread = spawn((t) =>
      yielder(
        t,
        kvm,
        4,
        at(() => writer),
      ),
    );
    for (const [name, comes, stays] of readers) {
      const thread: SimThread = spawn((t) =>
        visit(
          t,
          kvm,
          name,
          comes,
          stays,
          at(() => thread),
        ),
      );
    }
    sim.run(1e9, 1e6);
    return log;
  }

  it.each(['qrwlock', 'fair', 'ticket'] as const)(
    '%s: comes back behind all who waited before it, and not before the next unit again',
    (lock) => {
      // R1 waits when the first unit is over; R2 comes while R1 is in, and finds the writer before it.
      expect(yields({ lock }, ['R1', 0.5, 5], ['R2', 2.5, 5])).toEqual([
        '+W 0',
        '+R1 1',
        '-R1 6',
        'W again 6',
        '+R2 7',
        '-R2 12',
        'W again 12',
        '-W 14',
      ]);
    },
  );

  it('rt: sees no contention, and yields to nobody', () => {
    expect(yields({ lock: 'rt' }, ['R1', 0.5, 5])).toEqual(['+W 0', '-W 4', '+R1 4', '-R1 9']);
  });

  it('yieldDrops nothing: says that it yielded, and nobody got in', () => {
    const log = yields({ yieldDrops: 'nothing' }, ['R1', 0.5, 5]);
    expect(log).toEqual([
      '+W 0',
      'W again 1',
      'W again 2',
      'W again 3',
      'W again 4',
      '-W 4',
      '+R1 4',
      '-R1 9',
    ]);
  });
});

describe('exclusion', () => {
  const round = fc.record({ write: fc.boolean(), think: fc.nat(5), hold: fc.nat(5) });
  const threads = fc.array(fc.array(round, { minLength: 1, maxLength: 12 }), {
    minLength: 2,
    maxLength: MOST_THREADS,
  });

  it.each(KINDS)('%s: never a writer with anybody, and everybody gets in', (lock: Kind) => {
    fc.assert(
      fc.property(threads, (plans) => {
        const { sim, kvm, spawn } = world({ lock });
        const inside = { readers: 0, writers: 0, wrong: 0 };
        for (const plan of plans) spawn((t) => guarded(t, kvm, plan, inside));
        sim.run(1e9, 1e6);
        expect(inside).toEqual({ readers: 0, writers: 0, wrong: 0 });
        expect(sim.threads.every(({ state }) => state === ThreadState.Ended)).toBe(true);
        // Free again: no writer, no reader, nobody in the queue.
        const { cnts, extra, waitLock } = kvm.mmuLock;
        const queued =
          lock === 'test-and-set' ? sim.mem[waitLock.tail] : sim.mem[waitLock.tail] - sim.mem[waitLock.head];
        expect([sim.mem[cnts], sim.mem[extra], queued]).toEqual([0, 0, 0]);
        expect(sim.threads.every(({ preemptCount }) => preemptCount === 0)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

/**
 * Counts, flushes, frozen entries, sleeps and references: events written by hand, once right and once wrong.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { InvariantName } from './names.js';
import { tableCell } from '../page-tables.js';
import type { PolicyChange } from '../policies.js';
import { FROZEN_SPTE, makeEntry, NONPRESENT_SPTE } from '../spte.js';
import { LEAF, WatchedMachine } from '../testing/watched-machine.js';
import { Tracepoint as T } from '../tracepoints.js';

let world: WatchedMachine;
beforeEach(() => {
  world = new WatchedMachine();
});

describe('countMatches', () => {
  it('holds: invalidations that overlap, in time and in memory', () => {
    world.begin(1, 3);
    world.started(1, 3);
    world.begin(5, 7);
    world.started(5, 7);
    world.end(1, 3);
    world.begin(2, 6);
    world.started(2, 6);
    world.end(5, 7);
    world.end(2, 6);
    world.invariants.check(world.mem);
    expect(world.names).toEqual([]);
  });

  it('a count that is set to 0 while another invalidation goes on, then below', () => {
    const { mmuInvalidateInProgress } = world.machine.kvm;
    world.begin(1, 3);
    world.begin(5, 7);
    world.mem[mmuInvalidateInProgress] = 1;
    world.end(1, 3);
    expect(world.messages).toBe('mmu_invalidate_in_progress is 0, but 1 invalidations began and did not end');
    world.end(5, 7);
    expect(world.names).toEqual(['countMatches', 'countMatches']);
  });

  it('a hull that loses a range: overwritten, reset, or one page short', () => {
    const { mmuInvalidateRangeStart, mmuInvalidateRangeEnd } = world.machine.kvm;
    world.begin(1, 3);
    world.started(1, 3);
    world.begin(5, 7);
    expect(world.names).toEqual([]);
    world.mem[mmuInvalidateRangeStart] = 5;
    world.started(5, 7);
    expect(world.messages).toBe('1 to 3 is in progress, and the hull is 5 to 7');
    world.mem[mmuInvalidateRangeStart] = -1;
    world.begin(1, 7);
    world.mem[mmuInvalidateRangeStart] = 1;
    world.mem[mmuInvalidateRangeEnd] = 6;
    world.invariants.check(world.mem);
    expect(world.messages).toContain('5 to 7 is in progress, and the hull is 1 to 6');
  });

  it('before 6.8 the hull is one of host pages; without ranges there is nothing to hold', () => {
    const shown = (change: PolicyChange): InvariantName[] => {
      world = new WatchedMachine(change);
      world.begin(1, 3);
      world.started(1, 3);
      return world.names;
    };
    expect(shown({ rangeUnit: 'hva' })).toEqual(['countMatches']);
    expect(shown({ rangeTracking: 'none' })).toEqual([]);
  });

  it('a count that changed in silence', () => {
    world.mem[world.machine.kvm.mmuInvalidateInProgress] = 1;
    world.invariants.check(world.mem);
    expect(world.names).toEqual(['countMatches']);
  });
});

describe('flushedBeforeUnlock', () => {
  it('is what the thread that drops the lock owes', () => {
    world.emit(T.probeUnlock, 1, 0);
    expect(world.names).toEqual([]);
    world.emitBy(7, T.probeUnlock, 1, 1);
    expect(world.names).toEqual(['flushedBeforeUnlock']);
    expect(world.messages).toBe('thread 7 drops mmu_lock and owes a flush');
  });
});

describe('frozenUntouched', () => {
  it('holds: frozen, then written by whoever froze it', () => {
    world.mem[world.sptep(3)] = FROZEN_SPTE;
    world.emit(T.probeFrozen, world.sptep(3), 1);
    world.invariants.check(world.mem);
    world.emit(T.probeFrozen, world.sptep(3), 0);
    world.mem[world.sptep(3)] = NONPRESENT_SPTE;
    world.map(3);
    world.invariants.check(world.mem);
    expect(world.names).toEqual([]);
  });

  it.each([
    ['a leaf', () => world.map(3)],
    ['a table', () => world.emit(T.probeTableLinked, 0, 3, FROZEN_SPTE)],
  ])('%s over a frozen entry', (_, write) => {
    world.mem[world.sptep(3)] = FROZEN_SPTE;
    world.emit(T.probeFrozen, world.sptep(3), 1);
    write();
    expect(world.names).toEqual(['frozenUntouched']);
  });

  it('an entry that is not frozen any more when its freezer comes back', () => {
    world.mem[world.sptep(3)] = FROZEN_SPTE;
    world.emit(T.probeFrozen, world.sptep(3), 1);
    world.mem[world.sptep(3)] = NONPRESENT_SPTE;
    world.emit(T.probeFrozen, world.sptep(3), 0);
    expect(world.names).toEqual(['frozenUntouched']);
  });

  it('an entry that stays frozen, and one that is written in a table that is being freed', () => {
    world.mem[world.sptep(3)] = FROZEN_SPTE;
    world.invariants.check(world.mem);
    expect(world.messages).toContain('is frozen, and nobody says to have frozen it');
    const { kvm } = world.machine;
    const entry = tableCell(kvm, 4) + 2;
    world.mem[kvm.rcuLimbo] = 4;
    world.mem[tableCell(kvm, 4)] = FROZEN_SPTE;
    world.mem[entry] = makeEntry(world.pfnOf(2), LEAF);
    world.invariants.check(world.mem);
    expect(world.messages).toContain(`entry ${entry} of a table that is being freed was written`);
  });
});

describe('noSleepWhenNotBlockable', () => {
  const wayOut = (mayBlock: number, tid: number): InvariantName[] => {
    world = new WatchedMachine();
    world.emitBy(5, T.probeStartEntered, world.first, world.first + 8, mayBlock);
    world.emitBy(tid, T.yield, 0, 2, 3);
    world.invariants.onSleep(tid);
    world.emitBy(5, T.probeStartReturned, world.first, world.first + 8, 0);
    world.emitBy(5, T.yield, 0, 2, 3);
    world.invariants.onSleep(5);
    return world.names;
  };

  it('a thread may yield if its caller can block, and others may anyway', () => {
    expect(wayOut(1, 5)).toEqual([]);
    expect(wayOut(0, 6)).toEqual([]);
  });

  it('else it neither yields nor sleeps before start() returns', () => {
    expect(wayOut(0, 5)).toEqual(['noSleepWhenNotBlockable', 'noSleepWhenNotBlockable']);
  });

  it('on PREEMPT_RT waiting for mmu_lock is sleeping', () => {
    world = new WatchedMachine({ preempt: 'rt', lock: 'rt' });
    world.emitBy(5, T.probeStartEntered, world.first, world.first + 8, 0);
    world.invariants.onSleep(5);
    expect(world.names).toEqual([]);
  });
});

describe('referencesBalanced', () => {
  it('one taken, one dropped; by threads that take turns', () => {
    world.emitBy(10, T.probeFaultRef, 4, 1);
    world.emitBy(11, T.probeFaultRef, 4, 1);
    world.emitBy(10, T.probeFaultRef, 4, -1);
    world.emitBy(10, T.probeFaultEnd, 0, 3, 1);
    world.emitBy(11, T.probeFaultRef, 4, -1);
    world.emitBy(11, T.probeFaultEnd, 1, 3, 5);
    world.emitBy(12, T.probeFaultEnd, 1, 3, 1);
    expect(world.names).toEqual([]);
  });

  it('one that is kept when the fault ends, once', () => {
    world.emitBy(10, T.probeFaultRef, 4, 1);
    world.emitBy(10, T.probeFaultEnd, 0, 3, 1);
    world.emitBy(10, T.probeFaultEnd, 0, 3, 1);
    expect(world.messages).toBe('the fault on gfn 3 ended with 1 references to its page');
  });

  it('one that is dropped twice', () => {
    world.emitBy(10, T.probeFaultRef, 4, 1);
    world.emitBy(10, T.probeFaultRef, 4, -1);
    world.emitBy(10, T.probeFaultRef, 4, -1);
    world.emitBy(10, T.probeFaultEnd, 0, 3, 1);
    expect(world.names).toEqual(['referencesBalanced']);
  });
});

describe('violations', () => {
  it('are counted all, kept a hundred, each with the number of its event', () => {
    for (let times = 0; times < 250; times++) world.emit(T.probeUnlock, 1, times % 2);
    expect(world.invariants.violationCount).toBe(125);
    expect(world.invariants.violations).toHaveLength(100);
    expect(world.invariants.violations[1].event).toBe(4);
  });
});

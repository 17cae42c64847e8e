/**
 * Count, range and sequence of invalidations, and the three questions that faults ask: against their
 * definition (include/linux/kvm_host.h), and each policy against what it changes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  kvmMmuInvalidateBegin,
  kvmMmuInvalidateEnd,
  kvmMmuInvalidateRangeAdd,
  mmuInvalidateRetry,
  mmuInvalidateRetryGfn,
  mmuInvalidateRetryGfnUnsafe,
  slotOfGfn,
} from './mmu-invalidate.js';
import type { PolicyChange } from './policies.js';
import { SCRATCH_ZAPPED } from './scratch.js';
import { finish } from './testing/sequential-thread.js';
import { tdpOn, type TdpMachine } from './testing/tdp-machine.js';

/** INVALID_GPA: all ones, as a signed cell. */
const INVALID = -1;
const GFNS = 64;

function on(change: PolicyChange = {}): TdpMachine {
  return tdpOn({ pages: GFNS, geometry: { bits: 3, levels: 2 }, change });
}

/** in_progress, range start and end, seq */
function stateOf({ mem, kvm }: TdpMachine): number[] {
  const {
    mmuInvalidateInProgress: count,
    mmuInvalidateRangeStart,
    mmuInvalidateRangeEnd,
    mmuInvalidateSeq,
  } = kvm;
  return [mem[count], mem[mmuInvalidateRangeStart], mem[mmuInvalidateRangeEnd], mem[mmuInvalidateSeq]];
}

function begin({ t, kvm, first }: TdpMachine, from: number, to: number): void {
  finish(kvmMmuInvalidateBegin(t, kvm, first + from, first + to));
}

function add({ t, kvm, first }: TdpMachine, from: number, to: number): void {
  finish(kvmMmuInvalidateRangeAdd(t, kvm, from, to, first + from, first + to));
}

function start(machine: TdpMachine, from: number, to: number): void {
  begin(machine, from, to);
  add(machine, from, to);
}

function end({ t, kvm, first }: TdpMachine, from: number, to: number): void {
  finish(kvmMmuInvalidateEnd(t, kvm, first + from, first + to));
}

const locked = ({ t, kvm }: TdpMachine, seq: number, gfn: number): boolean =>
  finish(mmuInvalidateRetryGfn(t, kvm, seq, gfn));
const unsafe = ({ t, kvm }: TdpMachine, seq: number, gfn: number): boolean =>
  finish(mmuInvalidateRetryGfnUnsafe(t, kvm, seq, gfn));

describe('begin, add, end', () => {
  it('begin counts and leaves no range; add makes one, or the hull; end moves the sequence', () => {
    const machine = on();
    expect(stateOf(machine)).toEqual([0, INVALID, INVALID, 0]);
    begin(machine, 5, 9);
    expect(stateOf(machine)).toEqual([1, INVALID, INVALID, 0]);
    add(machine, 5, 9);
    expect(stateOf(machine)).toEqual([1, 5, 9, 0]);
    begin(machine, 30, 31);
    // The second one leaves the first one's range alone.
    expect(stateOf(machine)).toEqual([2, 5, 9, 0]);
    add(machine, 30, 31);
    expect(stateOf(machine)).toEqual([2, 5, 31, 0]);
    end(machine, 5, 9);
    expect(stateOf(machine)).toEqual([1, 5, 31, 1]);
    end(machine, 30, 31);
    expect(stateOf(machine)[0]).toBe(0);
    begin(machine, 2, 3);
    expect(stateOf(machine)).toEqual([1, INVALID, INVALID, 2]);
  });

  it('overlapping without a gap, the hull only grows', () => {
    const machine = on();
    start(machine, 30, 32);
    for (let step = 1; step <= 10; step++) {
      // The next one begins before the last one ends.
      start(machine, 30 + step, 32 + step);
      end(machine, 29 + step, 31 + step);
      expect(stateOf(machine)).toEqual([1, 30, 32 + step, step]);
    }
  });

  it('any order of starts and ends: the definition', () => {
    const range = fc.tuple(fc.nat(GFNS - 1), fc.integer({ min: 1, max: 8 }));
    fc.assert(
      fc.property(fc.array(fc.oneof(range, fc.constant(undefined)), { maxLength: 30 }), (steps) => {
        const machine = on();
        const open: [number, number][] = [];
        let hull: [number, number] = [INVALID, INVALID];
        let seq = 0;
        for (const step of steps) {
          if (step !== undefined) {
            const [from, to] = [step[0], step[0] + step[1]];
            hull = open.length === 0 ? [from, to] : [Math.min(hull[0], from), Math.max(hull[1], to)];
            open.push([from, to]);
            start(machine, from, to);
          } else {
            const last = open.pop();
            if (last === undefined) continue;
            seq++;
            end(machine, ...last);
          }
          expect(stateOf(machine)).toEqual([open.length, ...hull, seq]);
          for (let gfn = 0; gfn < GFNS; gfn += 5) {
            const inHull = open.length > 0 && hull[0] <= gfn && gfn < hull[1];
            for (const sample of [seq, seq - 1]) {
              expect(locked(machine, sample, gfn)).toBe(inHull || sample !== seq);
              expect(unsafe(machine, sample, gfn)).toBe(inHull || sample !== seq);
            }
            expect(finish(mmuInvalidateRetry(machine.t, machine.kvm, seq))).toBe(open.length > 0);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['seq-then-count', [0, 1]],
    ['count-then-seq', [1, 0]],
  ] as const)('the end writes in the order %s', (endOrder, order) => {
    const machine = on({ endOrder });
    start(machine, 5, 9);
    const { t, kvm } = machine;
    const written: number[] = [];
    let before = stateOf(machine);
    t.onAccess = () => note();
    const note = (): void => {
      const now = stateOf(machine);
      if (now[3] !== before[3]) written.push(0);
      if (now[0] !== before[0]) written.push(1);
      before = now;
    };
    finish(kvmMmuInvalidateEnd(t, kvm, 0, 0));
    note();
    expect(written).toEqual(order);
  });
});

describe('between begin and add', () => {
  it('the unsafe question has no range to compare with, and says no', () => {
    const machine = on();
    begin(machine, 5, 9);
    expect([4, 5, 8, 63].map((gfn) => unsafe(machine, 0, gfn))).toEqual([false, false, false, false]);
    add(machine, 5, 9);
    expect([4, 5, 8, 9].map((gfn) => unsafe(machine, 0, gfn))).toEqual([false, true, true, false]);
  });

  it('it reads the bounds one after the other, and may see a torn pair', () => {
    const machine = on();
    const { t, kvm, mem } = machine;
    start(machine, 5, 9);
    t.onAccess = (cell) => {
      if (cell !== kvm.mmuInvalidateRangeEnd) return;
      // Both ended, and another began, between the two reads.
      mem[kvm.mmuInvalidateRangeStart] = 40;
      mem[kvm.mmuInvalidateRangeEnd] = 50;
    };
    // 30 lies in neither range.
    expect(unsafe(machine, 0, 30)).toBe(true);
  });
});

describe('what is compared', () => {
  const firstGfnPage = (machine: TdpMachine): number => machine.kvm.slots[0].userspacePage;

  it('rangeUnit hva (until 6.7): begin takes the notifier’s range, and faults compare host addresses', () => {
    const machine = on({ rangeUnit: 'hva' });
    begin(machine, 5, 9);
    const page = firstGfnPage(machine);
    expect(stateOf(machine)).toEqual([1, page + 5, page + 9, 0]);
    add(machine, 6, 7);
    expect(stateOf(machine)).toEqual([1, page + 5, page + 9, 0]);
    expect([4, 5, 8, 9].map((gfn) => locked(machine, 0, gfn))).toEqual([false, true, true, false]);
    expect([4, 5, 8, 9].map((gfn) => unsafe(machine, 0, gfn))).toEqual([false, true, true, false]);
  });

  it('v2 of the patch on 6.7: a gfn is never in a range of host addresses', () => {
    const machine = on({ rangeUnit: 'hva', preCheck: 'gfn-against-hva', recheck: 'gfn-against-hva' });
    start(machine, 0, GFNS);
    for (const gfn of [0, 5, 63]) {
      expect([unsafe(machine, 0, gfn), locked(machine, 0, gfn)]).toEqual([false, false]);
      // The sequence still tells, once the invalidation has ended.
      expect([unsafe(machine, 1, gfn), locked(machine, 1, gfn)]).toEqual([true, true]);
    }
    // With ranges of gfns (6.8) the same comparison is right.
    const newer = on({ preCheck: 'gfn-against-hva' });
    start(newer, 5, 9);
    expect([4, 5, 9].map((gfn) => unsafe(newer, 0, gfn))).toEqual([false, true, false]);
  });

  it('no range at all (5.10): any invalidation in progress', () => {
    const machine = on({ rangeTracking: 'none' });
    expect(locked(machine, 0, 63)).toBe(false);
    start(machine, 5, 9);
    expect(locked(machine, 0, 63)).toBe(true);
    end(machine, 5, 9);
    expect([locked(machine, 0, 63), locked(machine, 1, 63)]).toEqual([true, false]);
  });

  it('gfns belong to slots of the normal address space', () => {
    const machine = tdpOn({
      slots: [{ pages: 4 }, { pages: 4, hole: 4 }, { pages: 16, asId: 1 }],
      geometry: { bits: 2, levels: 3 },
    });
    const ids = [0, 3, 4, 7, 8, 11, 12].map((gfn) => slotOfGfn(machine.kvm, gfn)?.id);
    expect(ids).toEqual([0, 0, undefined, undefined, 1, 1, undefined]);
  });
});

describe('mistakes', () => {
  /** Answers of the locked question: in the range and in progress; then when it has ended. */
  function answers(change: PolicyChange): boolean[] {
    const machine = on(change);
    start(machine, 5, 9);
    const during = locked(machine, 0, 5);
    end(machine, 5, 9);
    return [during, locked(machine, 0, 5)];
  }

  it.each<[PolicyChange, boolean, boolean]>([
    [{}, true, true],
    [{ recheck: 'none' }, false, false],
    [{ recheck: 'in-progress-only' }, true, false],
    [{ recheck: 'seq-only' }, false, true],
    // A sample from before the start sees it, the end adds nothing.
    [{ seqBump: 'start' }, true, true],
    [{ seqBump: 'end-if-zapped' }, true, false],
  ])('%o: noticed in progress %s, afterwards %s', (change, during, after) => {
    expect(answers(change)).toEqual([during, after]);
  });

  it('seqBump start: who samples inside the window is not told of its end', () => {
    const machine = on({ seqBump: 'start' });
    start(machine, 5, 9);
    const [, , , sample] = stateOf(machine);
    end(machine, 5, 9);
    expect([sample, locked(machine, sample, 5)]).toEqual([1, false]);
  });

  it('seqBump end-if-zapped moves the sequence where something was zapped', () => {
    const machine = on({ seqBump: 'end-if-zapped' });
    start(machine, 5, 9);
    machine.mem[machine.t.scratch + SCRATCH_ZAPPED] = 1;
    end(machine, 5, 9);
    expect(stateOf(machine)[3]).toBe(1);
  });

  it('rangeEnd off-by-one: the last page is not covered', () => {
    const machine = on({ rangeEnd: 'off-by-one' });
    start(machine, 5, 9);
    expect([5, 7, 8].map((gfn) => locked(machine, 0, gfn))).toEqual([true, true, false]);
  });

  /** What is covered after 5 to 8 and then 20 to 29 began, and after the second ended: pages 5 and 20. */
  function twoRanges(change: PolicyChange): boolean[] {
    const machine = on(change);
    start(machine, 5, 9);
    start(machine, 20, 30);
    const both = [5, 20].map((gfn) => locked(machine, 0, gfn));
    end(machine, 20, 30);
    return [...both, locked(machine, 1, 5)];
  }

  it.each<[PolicyChange, boolean[]]>([
    [{}, [true, true, true]],
    [{ rangeTracking: 'overwrite' }, [false, true, false]],
    [{ rangeTracking: 'hull-reset-at-begin' }, [false, true, false]],
    [{ rangeTracking: 'hull-cleared-at-end' }, [true, true, false]],
    [{ endCount: 'zero' }, [true, true, false]],
  ])('%o: two ranges', (change, covered) => {
    expect(twoRanges(change)).toEqual(covered);
  });

  it('endCount zero: the end of the other one makes the count no better', () => {
    const machine = on({ endCount: 'zero' });
    start(machine, 5, 9);
    start(machine, 20, 30);
    end(machine, 20, 30);
    end(machine, 5, 9);
    expect(stateOf(machine)[0]).toBe(0);
  });

  it('hull-never-reset: an old hull covers whatever comes', () => {
    const machine = on({ rangeTracking: 'hull-never-reset' });
    start(machine, 0, 60);
    end(machine, 0, 60);
    start(machine, 5, 6);
    expect([locked(machine, 1, 50), locked(machine, 1, 62)]).toEqual([true, false]);
  });
});

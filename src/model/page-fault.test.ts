/**
 * The read side of the protocol: an invalidation placed between two steps of a fault is noticed by the test
 * that is there for it (fact sheet 1.3 to 1.5), and every retry drops what it took.
 */
import { describe, expect, it } from 'vitest';
import { Request, SlotFlag } from './kvm.js';
import { RetPf } from './page-fault-struct.js';
import type { Policy, PolicyChange } from './policies.js';
import { frameOf, isLeaf, makeEntry, Pte, Spte } from './spte.js';
import { unaccounted } from './testing/host-machine.js';
import { endOn, entryCellOf, faultOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Detection, Tracepoint } from './tracepoints.js';

const GFN = 5;

function machine(change: PolicyChange = {}, kernel = 'v7.3'): TdpMachine {
  return tdpOn({ pages: 16, geometry: { bits: 2, levels: 2 }, mapped: 1, change, kernel });
}

/** Runs `act` before the `nth` access of the first thread to a cell. */
function before({ t }: TdpMachine, cell: number, nth: number, act: () => void): void {
  let left = nth;
  t.onAccess = (touched) => {
    if (touched !== cell || --left !== 0) return;
    t.onAccess = undefined;
    act();
  };
}

/** Reasons of the retries that the faults of a machine noted. */
function reasons({ t }: TdpMachine): number[] {
  return t.all(Tracepoint.faultRetry).map(([, , , reason]) => reason);
}

/** Page references that faults hold after all: must be none. */
function heldRefs({ t }: TdpMachine): number {
  return t.all(Tracepoint.probeFaultRef).reduce((sum, [, change]) => sum + change, 0);
}

interface Meeting {
  result: number;
  reason: number | undefined;
  mapped: boolean;
}

/** A fault on gfn 5 that meets an invalidation of [from, to), at the `nth` access to a cell. */
function meet(
  alone: TdpMachine,
  cell: number,
  nth: number,
  { from = 0, to = 8, ends = false }: { from?: number; to?: number; ends?: boolean } = {},
): Meeting {
  const [other] = alone.others;
  before(alone, cell, nth, () => {
    startOn(alone, from, to, other);
    if (ends) endOn(alone, from, to, other);
  });
  const result = faultOn(alone, GFN);
  alone.t.onAccess = undefined;
  expect(unaccounted(alone)).toEqual([]);
  expect(heldRefs(alone)).toBe(0);
  expect([alone.t.preemptCount, alone.t.irqCount]).toEqual([0, 0]);
  expect(alone.mem[alone.kvm.mmuLock.cnts]).toBe(0);
  const cellOfGfn = entryCellOf(alone, GFN);
  return {
    result,
    reason: reasons(alone)[0],
    mapped: cellOfGfn !== 0 && isLeaf(alone.mem[cellOfGfn]),
  };
}

const retriedBy = (reason: number): Meeting => ({ result: RetPf.Retry, reason, mapped: false });
const FIXED: Meeting = { result: RetPf.Fixed, reason: undefined, mapped: true };

/** Where the fault is: the count as P1 reads it, the host's entry, the count as P2 reads it, the lock. */
function spots({ kvm, mm }: TdpMachine): Record<'p1' | 'pte' | 'p2' | 'lock', [cell: number, nth: number]> {
  return {
    p1: [kvm.mmuInvalidateInProgress, 1],
    pte: [mm.ptes + GFN, 1],
    p2: [kvm.mmuInvalidateInProgress, 2],
    lock: [kvm.mmuLock.cnts, 1],
  };
}

describe('each test catches what comes at its place', () => {
  it.each([
    ['p1', Detection.PreCheck1],
    ['pte', Detection.PreCheck2],
    ['p2', Detection.PreCheck2],
    ['lock', Detection.Stale],
  ] as const)('begins at %s, and goes on', (spot, reason) => {
    const alone = machine();
    expect(meet(alone, ...spots(alone)[spot])).toEqual(retriedBy(reason));
  });

  it.each([
    ['p1', Detection.PreCheck1],
    ['pte', Detection.PreCheck2],
    ['p2', Detection.PreCheck2],
    ['lock', Detection.Stale],
  ] as const)('begins and ends at %s: the sequence tells', (spot, reason) => {
    const alone = machine();
    expect(meet(alone, ...spots(alone)[spot], { ends: true })).toEqual(retriedBy(reason));
  });

  it.each(['p1', 'pte', 'p2', 'lock'] as const)('elsewhere, in progress at %s: nobody minds', (spot) => {
    const alone = machine();
    expect(meet(alone, ...spots(alone)[spot], { from: 8, to: 16 })).toEqual(FIXED);
  });

  it('elsewhere, and over: the sequence is global, so it retries all the same', () => {
    const alone = machine();
    const meeting = meet(alone, ...spots(alone).lock, { from: 8, to: 16, ends: true });
    expect(meeting).toEqual(retriedBy(Detection.Stale));
    const apart = machine({ sequence: 'per-range' });
    expect(meet(apart, ...spots(apart).lock, { from: 8, to: 16, ends: true })).toEqual(FIXED);
    const own = machine({ sequence: 'per-range' });
    expect(meet(own, ...spots(own).lock, { ends: true })).toEqual(retriedBy(Detection.Stale));
  });

  it('over before the sample: the page is read after it, and mapped', () => {
    const alone = machine();
    expect(meet(alone, alone.kvm.mmuInvalidateSeq, 1, { ends: true })).toEqual(FIXED);
  });

  it('the edges of the range: its first gfn and its last are in it, the next is not', () => {
    for (const [from, to, result] of [
      [GFN, GFN + 1, RetPf.Retry],
      [GFN - 1, GFN + 1, RetPf.Retry],
      [GFN + 1, GFN + 2, RetPf.Fixed],
      [GFN - 1, GFN, RetPf.Fixed],
    ] as const) {
      const alone = machine();
      expect(meet(alone, ...spots(alone).lock, { from, to }).result).toBe(result);
    }
  });

  it('6.1 has no pre-check, and compares host addresses under the lock', () => {
    for (const spot of ['pte', 'lock'] as const) {
      for (const ends of [true, false]) {
        const alone = machine({}, 'v6.1');
        expect(meet(alone, ...spots(alone)[spot], { ends })).toEqual(retriedBy(Detection.Stale));
      }
    }
    const alone = machine({}, 'v6.1');
    expect(meet(alone, ...spots(alone).lock, { from: 8, to: 16 })).toEqual(FIXED);
  });
});

describe('forms of the pre-check', () => {
  function firstTest(preCheck: Policy['preCheck'], kernel = 'v7.3'): number | undefined {
    const alone = machine({ preCheck }, kernel);
    startOn(alone, 0, 8, alone.others[0]);
    expect(faultOn(alone, GFN)).toBe(RetPf.Retry);
    expect(heldRefs(alone)).toBe(0);
    return reasons(alone)[0];
  }

  it('who notices an invalidation that was there all the time', () => {
    expect(firstTest('both')).toBe(Detection.PreCheck1);
    expect(firstTest('before-pfn')).toBe(Detection.PreCheck1);
    expect(firstTest('after-pfn')).toBe(Detection.PreCheck2);
    // v4 of the patch: P1 dead, P2 hides it.
    expect(firstTest('inverted')).toBe(Detection.PreCheck2);
    expect(firstTest('none')).toBe(Detection.Stale);
    // v2 on 6.7: a gfn against host addresses never matches, and the lock's test must do.
    expect(firstTest('gfn-against-hva', 'v6.7')).toBe(Detection.Stale);
  });

  it('a deflected fault touches neither the lock nor, at P1, the host', () => {
    const alone = machine();
    startOn(alone, 0, 8, alone.others[0]);
    const touched = new Set<number>();
    alone.t.onAccess = (cell) => touched.add(cell);
    expect(faultOn(alone, GFN)).toBe(RetPf.Retry);
    expect(touched.has(alone.kvm.mmuLock.cnts)).toBe(false);
    expect(touched.has(alone.mm.ptes + GFN)).toBe(false);
    expect(touched.has(alone.mm.mmapLock)).toBe(false);
    expect(alone.t.all(Tracepoint.probeFaultRef)).toEqual([]);
  });

  it('announced without a range: the unsafe test may err, the locked one warns and retries', () => {
    const alone = machine();
    alone.mem[alone.kvm.mmuInvalidateInProgress] = 1;
    expect(faultOn(alone, GFN)).toBe(RetPf.Retry);
    expect(reasons(alone)).toEqual([Detection.Stale]);
    // Before 6.8 the range came with the announcement, and there was no such value.
    const older = machine({}, 'v6.1');
    older.mem[older.kvm.mmuInvalidateInProgress] = 1;
    expect(faultOn(older, GFN)).toBe(RetPf.Fixed);
  });

  it('v1 and v2 leaked the page of an early retry', () => {
    const alone = machine({ earlyRetryPut: 'leak', preCheck: 'after-pfn' });
    startOn(alone, 0, 8, alone.others[0]);
    faultOn(alone, GFN);
    expect(heldRefs(alone)).toBe(1);
    expect(unaccounted(alone)).toHaveLength(1);
  });
});

describe('the recheck has two halves', () => {
  it.each([
    ['none', false, RetPf.Fixed],
    ['none', true, RetPf.Fixed],
    ['in-progress-only', false, RetPf.Retry],
    ['in-progress-only', true, RetPf.Fixed],
    ['seq-only', false, RetPf.Fixed],
    ['seq-only', true, RetPf.Retry],
    ['full', false, RetPf.Retry],
    ['full', true, RetPf.Retry],
  ] as const)('%s against one that has ended (%s)', (recheck, ends, result) => {
    const alone = machine({ recheck });
    expect(meet(alone, ...spots(alone).lock, { ends }).result).toBe(result);
  });

  it('a sample after the lookup misses what came in between', () => {
    const alone = machine({ snapshot: 'after-gup' });
    expect(meet(alone, alone.kvm.mmuInvalidateSeq, 1, { ends: true })).toEqual(FIXED);
    const right = machine();
    // The same moment: after the host's entry was read, before P2.
    expect(meet(right, ...spots(right).p2, { ends: true }).result).toBe(RetPf.Retry);
  });

  it('an invalid root is stale, whatever the range says', () => {
    const alone = machine();
    const { kvm, mem } = alone;
    before(alone, kvm.mmuLock.cnts, 1, () => (mem[kvm.roots[0].invalid] = 1));
    expect(faultOn(alone, GFN)).toBe(RetPf.Retry);
    expect(reasons(alone)).toEqual([Detection.Stale]);
    expect(heldRefs(alone)).toBe(0);
  });
});

describe('which page is mapped', () => {
  it('a page that is only readable is mapped so', () => {
    const alone = machine();
    alone.mem[alone.mm.ptes + GFN] &= ~Pte.Write;
    expect(faultOn(alone, GFN, 0)).toBe(RetPf.Fixed);
    const spte = alone.mem[entryCellOf(alone, GFN)];
    expect(spte & (Spte.Writable | Spte.MmuWritable)).toBe(0);
    expect(makeEntry(frameOf(spte), 0)).toBe(makeEntry(frameOf(alone.mem[alone.mm.ptes + GFN]), 0));
  });
});

describe('memslots', () => {
  it('no memslot: emulated, without lookup of a page, whatever is in progress', () => {
    const alone = tdpOn({ slots: [{ pages: 4 }, { pages: 4, hole: 4 }], geometry: { bits: 2, levels: 2 } });
    startOn(alone, 0, 8, alone.others[0]);
    expect(faultOn(alone, 5)).toBe(RetPf.Emulate);
    expect(alone.t.all(Tracepoint.probeFaultRef)).toEqual([]);
    expect(alone.mem[entryCellOf(alone, 5)]).toBe(Spte.Special);
  });

  it('a memslot that is going away: retry, and neither page nor lock', () => {
    const alone = machine();
    alone.mem[alone.kvm.slots[0].flags] = SlotFlag.Valid | SlotFlag.Invalid;
    expect(faultOn(alone, GFN)).toBe(RetPf.Retry);
    expect(alone.t.all(Tracepoint.probeFaultRef)).toEqual([]);
    expect(alone.t.all(Tracepoint.lockAcquired)).toEqual([]);
  });
});

describe('what a vCPU does with a retry', () => {
  it('loop: stays in the kernel until it is done', () => {
    const alone = machine({ retry: 'loop' });
    const [other] = alone.others;
    startOn(alone, 0, 8, other);
    let attempts = 0;
    alone.t.onAccess = (cell) => {
      if (cell === alone.kvm.mmuInvalidateSeq && ++attempts === 4) endOn(alone, 0, 8, other);
    };
    expect(faultOn(alone, GFN)).toBe(RetPf.Fixed);
    expect(alone.t.all(Tracepoint.probeFaultBegin).length).toBeGreaterThan(3);
    expect(heldRefs(alone)).toBe(0);
  });

  it('wait-for-end: sleeps until none is in progress, then once more', () => {
    const alone = machine({ retry: 'wait-for-end' });
    const [other] = alone.others;
    startOn(alone, 0, 8, other);
    alone.t.onWait = (cell) => {
      expect(cell).toBe(alone.kvm.mmuInvalidateInProgress);
      endOn(alone, 0, 8, other);
    };
    expect(faultOn(alone, GFN)).toBe(RetPf.Fixed);
    expect(alone.t.all(Tracepoint.probeFaultBegin)).toHaveLength(2);
  });

  it('loop ends when the thread is to end', () => {
    const alone = machine({ retry: 'loop' });
    startOn(alone, 0, 8, alone.others[0]);
    alone.t.operationsLeft = 0;
    expect(faultOn(alone, GFN)).toBe(RetPf.Retry);
    expect(alone.mem[alone.vcpu.requests] & Request.VmDead).toBe(0);
  });
});

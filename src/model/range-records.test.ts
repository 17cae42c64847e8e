/**
 * Ranges kept one by one (policies rangeTracking exact, sequence per-range): proposals, with rules of their
 * own.
 */
import { describe, expect, it } from 'vitest';
import {
  kvmMmuInvalidateBegin,
  kvmMmuInvalidateRangeAdd,
  mmuInvalidateRetryGfn,
  mmuInvalidateRetryGfnUnsafe,
} from './mmu-invalidate.js';
import type { PolicyChange } from './policies.js';
import { finish, SequentialThread } from './testing/sequential-thread.js';
import { endOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';

const EXACT: PolicyChange = { rangeTracking: 'exact', sequence: 'per-range' };
const PAGES = 256;

function recordsOn(change: PolicyChange = EXACT): TdpMachine {
  return tdpOn({ pages: PAGES, geometry: { bits: 4, levels: 2 }, change });
}

/** Gfns for which a fault that sampled `seq` would retry, as [from, to) runs. */
function retried({ kvm, t }: TdpMachine, seq: number): number[][] {
  const runs: number[][] = [];
  for (let gfn = 0; gfn < PAGES; gfn++) {
    const locked = finish(mmuInvalidateRetryGfn(t, kvm, seq, gfn));
    expect(finish(mmuInvalidateRetryGfnUnsafe(t, kvm, seq, gfn))).toBe(locked);
    if (!locked) continue;
    const last = runs.at(-1);
    if (last?.[1] === gfn) last[1] = gfn + 1;
    else runs.push([gfn, gfn + 1]);
  }
  return runs;
}

/** Many threads of the host that only begin and end invalidations, one after the other. */
function manyThreads({ mem, others }: TdpMachine, count: number): SequentialThread[] {
  // Nothing of a start lives on in a thread's private cells, so that they may share them.
  return Array.from(
    { length: count },
    (_, index) => new SequentialThread(mem, 100 + index, others[0].scratch),
  );
}

describe('ranges in progress', () => {
  it('each covers what it announced, and goes with its end; the gaps are free', () => {
    const on = recordsOn();
    const [a, b, c] = on.others;
    startOn(on, 10, 20, a);
    startOn(on, 100, 110, b);
    startOn(on, 15, 30, c);
    const { mem, kvm } = on;
    expect(retried(on, 0)).toEqual([
      [10, 30],
      [100, 110],
    ]);
    endOn(on, 10, 20, a);
    // To a fault that samples now.
    expect(retried(on, mem[kvm.mmuInvalidateSeq])).toEqual([
      [15, 30],
      [100, 110],
    ]);
    endOn(on, 15, 30, c);
    expect(retried(on, mem[kvm.mmuInvalidateSeq])).toEqual([[100, 110]]);
    endOn(on, 100, 110, b);
    expect(retried(on, mem[kvm.mmuInvalidateSeq])).toEqual([]);
  });

  it('a thread may begin a second one inside the first: each end takes its own', () => {
    // zap_pmd_range() over part of a huge page: __split_huge_pmd() announces 2 MiB within the range.
    const on = recordsOn();
    startOn(on, 20, 24);
    startOn(on, 16, 32);
    expect(retried(on, 0)).toEqual([[16, 32]]);
    endOn(on, 16, 32);
    expect(retried(on, 1)).toEqual([[20, 24]]);
    endOn(on, 20, 24);
    expect(retried(on, 2)).toEqual([]);
    // The other way round, with another thread's in between.
    startOn(on, 0, 4);
    startOn(on, 0, 8);
    startOn(on, 0, 4, on.others[0]);
    endOn(on, 0, 8);
    endOn(on, 0, 4);
    expect(retried(on, 4)).toEqual([[0, 4]]);
    endOn(on, 0, 4, on.others[0]);
    expect(retried(on, 5)).toEqual([]);
  });

  it('two slots make one record: the hull of what they got of it', () => {
    const on = tdpOn({
      slots: [{ pages: 8 }, { pages: 8, hole: 100 }],
      geometry: { bits: 4, levels: 2 },
      change: EXACT,
    });
    startOn(on, 6, 10);
    const holds = (gfn: number): boolean => finish(mmuInvalidateRetryGfn(on.t, on.kvm, 0, gfn));
    // Slot 0 has gfns 0 to 7, slot 1 gfns 108 to 115.
    expect([5, 6, 7, 50, 108, 109, 110].map(holds)).toEqual([false, true, true, true, true, true, false]);
    endOn(on, 6, 10);
    expect(finish(mmuInvalidateRetryGfn(on.t, on.kvm, 1, 6))).toBe(false);
  });

  it('two threads with the same range: one that is not yet done with its slots keeps its record', () => {
    const on = recordsOn();
    const { kvm, first } = on;
    const [a, b] = on.others;
    // It yields after the first of two slots; meanwhile another thread begins and ends the same.
    finish(kvmMmuInvalidateBegin(a, kvm, first, first + 40));
    finish(kvmMmuInvalidateRangeAdd(a, kvm, 0, 20, first, first + 20));
    startOn(on, 0, 40, b);
    endOn(on, 0, 40, b);
    expect(retried(on, 1)).toEqual([[0, 20]]);
    finish(kvmMmuInvalidateRangeAdd(a, kvm, 20, 40, first + 20, first + 40));
    expect(retried(on, 1)).toEqual([[0, 40]]);
    endOn(on, 0, 40, a);
    expect(retried(on, 2)).toEqual([]);
  });

  it('more than 64 share a hull that stays until the last of them has ended', () => {
    const on = recordsOn();
    const threads = manyThreads(on, 70);
    // One page each: 0, 2, 4, ... The last six share one record, and make it [128, 139).
    for (const [index, thread] of threads.entries()) startOn(on, 2 * index, 2 * index + 1, thread);
    const own = Array.from({ length: 64 }, (_, index) => [2 * index, 2 * index + 1]);
    expect(retried(on, 0)).toEqual([...own, [128, 139]]);
    for (let index = 0; index < 69; index++) endOn(on, 2 * index, 2 * index + 1, threads[index]);
    expect(retried(on, 69)).toEqual([[128, 139]]);
    endOn(on, 138, 139, threads[69]);
    expect(retried(on, 70)).toEqual([]);
    // And all records are free again.
    for (const [index, thread] of threads.slice(0, 64).entries())
      startOn(on, 2 * index, 2 * index + 1, thread);
    expect(retried(on, 70)).toEqual(own);
  });
});

describe('a sequence for each range', () => {
  it('a fault retries for a range that ended since its sample if that held its page', () => {
    const on = recordsOn();
    startOn(on, 10, 20);
    endOn(on, 10, 20);
    startOn(on, 30, 31);
    endOn(on, 30, 31);
    expect(retried(on, 0)).toEqual([
      [10, 20],
      [30, 31],
    ]);
    expect(retried(on, 1)).toEqual([[30, 31]]);
    expect(retried(on, 2)).toEqual([]);
  });

  it('after more ends than it remembers, every page retries', () => {
    const on = recordsOn();
    for (let round = 0; round < 256; round++) {
      startOn(on, 7, 8);
      endOn(on, 7, 8);
    }
    expect(retried(on, 0)).toEqual([[7, 8]]);
    startOn(on, 9, 10);
    endOn(on, 9, 10);
    expect(retried(on, 0)).toEqual([[0, PAGES]]);
    expect(retried(on, 1)).toEqual([
      [7, 8],
      [9, 10],
    ]);
  });

  it('exact ranges with the global sequence: any end makes every fault in flight retry', () => {
    const on = recordsOn({ rangeTracking: 'exact' });
    startOn(on, 10, 20);
    expect(retried(on, 0)).toEqual([[10, 20]]);
    endOn(on, 10, 20);
    expect(retried(on, 0)).toEqual([[0, PAGES]]);
    expect(retried(on, 1)).toEqual([]);
  });

  it('a sequence for each range with the hull: what is in progress counts as a hull', () => {
    const on = recordsOn({ sequence: 'per-range' });
    startOn(on, 10, 20, on.others[0]);
    startOn(on, 100, 110, on.others[1]);
    expect(retried(on, 0)).toEqual([[10, 110]]);
    endOn(on, 10, 20, on.others[0]);
    endOn(on, 100, 110, on.others[1]);
    expect(retried(on, 0)).toEqual([
      [10, 20],
      [100, 110],
    ]);
  });
});

/** Roots of the TDP MMU: who holds them, when they go, and how their tables are zapped. */
import { describe, expect, it } from 'vitest';
import { Request, VcpuMode, type Root } from './kvm.js';
import { Detection, Tracepoint } from './tracepoints.js';
import { RetPf } from './page-fault-struct.js';
import { tableCell } from './page-tables.js';
import { kvmMmuZapAllFast } from './shadow/zap-obsolete.js';
import { FROZEN_SPTE, frameOf, isPresent, Spte } from './spte.js';
import { kvmTdpMmuPutRoot, kvmTdpMmuTryGetRoot } from './tdp-root-refs.js';
import {
  kvmMmuFreeRoot,
  kvmTdpMmuAllocRoot,
  kvmTdpMmuInvalidateRoots,
  kvmTdpMmuZapInvalidatedRoots,
} from './tdp-roots.js';
import { beforeAccess } from './testing/placement.js';
import { finish, type SequentialThread } from './testing/sequential-thread.js';
import { endOn, entryCellOf, faultOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';

const small = { pages: 64, geometry: { bits: 2, levels: 3 } };

/** refcount, invalid, scheduled to zap, and whether it has a table. */
function stateOf({ mem }: TdpMachine, root: Root): number[] {
  return [mem[root.refcount], mem[root.invalid], mem[root.scheduledToZap], mem[root.table] === 0 ? 0 : 1];
}

const rootOf = ({ kvm, mem }: TdpMachine, vcpu = 0): number => mem[kvm.vcpus[vcpu].root] - 1;

describe('references to a root', () => {
  it('one of the TDP MMU itself, and one of each vCPU that has loaded it', () => {
    for (const vcpus of [1, 3]) {
      const on = tdpOn({ ...small, vcpus });
      expect(stateOf(on, on.kvm.roots[0])).toEqual([1 + vcpus, 0, 0, 1]);
      expect(on.kvm.vcpus.map((_, index) => rootOf(on, index))).toEqual(Array(vcpus).fill(0));
      expect(on.mem[on.kvm.tables.used]).toBe(1);
    }
  });

  it('none can be had from a root that has none left', () => {
    const on = tdpOn(small);
    const [root] = on.kvm.roots;
    expect(finish(kvmTdpMmuTryGetRoot(on.t, root))).toBe(true);
    expect(on.mem[root.refcount]).toBe(3);
    on.mem[root.refcount] = 0;
    expect(finish(kvmTdpMmuTryGetRoot(on.t, root))).toBe(false);
    expect(on.mem[root.refcount]).toBe(0);
    // Another one drops its own between the look and the exchange.
    on.mem[root.refcount] = 2;
    beforeAccess(on.t, root.refcount, 2, () => (on.mem[root.refcount] = 1));
    expect(finish(kvmTdpMmuTryGetRoot(on.t, root))).toBe(true);
    expect(on.mem[root.refcount]).toBe(2);
  });

  it('the last one frees the table', () => {
    const on = tdpOn(small);
    const [root] = on.kvm.roots;
    finish(kvmTdpMmuPutRoot(on.t, on.kvm, root));
    expect(stateOf(on, root)).toEqual([1, 0, 0, 1]);
    finish(kvmTdpMmuPutRoot(on.t, on.kvm, root));
    expect(stateOf(on, root)).toEqual([0, 0, 0, 0]);
    expect(on.mem[on.kvm.tables.used]).toBe(0);
  });

  it.each([
    ['read', 1],
    ['write', 2],
  ] as const)('loading and leaving take mmu_lock (rootLock %s)', (rootLock, mode) => {
    const on = tdpOn({ ...small, change: { rootLock } });
    const { address } = on.kvm.mmuLock;
    finish(kvmMmuFreeRoot(on.t, on.vcpu));
    expect(on.t.all(Tracepoint.lockAcquired)).toEqual([[address, mode]]);
    expect(on.mem[on.vcpu.root]).toBe(0);
    finish(kvmTdpMmuAllocRoot(on.t, on.vcpu));
    expect(on.t.all(Tracepoint.lockAcquired)).toEqual([
      [address, mode],
      [address, mode],
    ]);
    expect(on.mem[on.kvm.mmuLock.cnts]).toBe(0);
    // A vCPU without a root has none to leave.
    on.mem[on.vcpu.root] = 0;
    finish(kvmMmuFreeRoot(on.t, on.vcpu));
    expect(on.t.all(Tracepoint.lockAcquired)).toHaveLength(2);
  });

  it('two vCPUs that find no root at once make one', () => {
    const on = tdpOn({ ...small, vcpus: 2 });
    const { kvm, t, others, mem } = on;
    finish(kvmTdpMmuInvalidateRoots(t, kvm));
    for (const vcpu of kvm.vcpus) finish(kvmMmuFreeRoot(t, vcpu));
    // Both have looked; the second is first at tdp_mmu_pages_lock.
    beforeAccess(t, kvm.tdpMmuPagesLock.tail, 1, () => finish(kvmTdpMmuAllocRoot(others[0], kvm.vcpus[1])));
    finish(kvmTdpMmuAllocRoot(t, kvm.vcpus[0]));
    expect(rootOf(on, 0)).toBe(rootOf(on, 1));
    expect(stateOf(on, kvm.roots[rootOf(on)])).toEqual([3, 0, 0, 1]);
    // The old root waits for its zap, with its one reference.
    expect(stateOf(on, kvm.roots[0])).toEqual([1, 1, 1, 1]);
    expect(mem[kvm.tables.used]).toBe(2);
  });
});

describe('invalidation', () => {
  it('a vCPU that loads afterwards gets another root, one that has not left keeps its own', () => {
    const on = tdpOn({ ...small, vcpus: 2 });
    const { kvm, t } = on;
    finish(kvmTdpMmuInvalidateRoots(t, kvm));
    finish(kvmMmuFreeRoot(t, kvm.vcpus[0]));
    finish(kvmTdpMmuAllocRoot(t, kvm.vcpus[0]));
    expect([rootOf(on, 0), rootOf(on, 1)]).toEqual([1, 0]);
    expect(stateOf(on, kvm.roots[0])).toEqual([2, 1, 1, 1]);
    expect(stateOf(on, kvm.roots[1])).toEqual([2, 0, 0, 1]);
  });

  it('a fault in an invalid root is stale', () => {
    const on = tdpOn(small);
    finish(kvmTdpMmuInvalidateRoots(on.t, on.kvm));
    expect(faultOn(on, 5)).toBe(RetPf.Retry);
    expect(on.t.all(Tracepoint.faultRetry).map((values) => values[3])).toEqual([Detection.Stale]);
  });

  it('kvm_mmu_zap_all_fast(): mark and request in one section for write, zap in one for read', () => {
    const on = tdpOn({ ...small, vcpus: 2, mapped: 8 });
    const { kvm, t, mem } = on;
    const { address } = kvm.mmuLock;
    mem[kvm.vcpus[1].mode] = VcpuMode.InGuest;
    mem[kvm.vcpus[1].cpu] = 7 + 1;
    finish(kvmMmuZapAllFast(t, kvm));
    expect(t.all(Tracepoint.lockAcquired)).toEqual([
      [address, 2],
      [address, 1],
    ]);
    expect(t.kicks).toEqual([[7]]);
    expect(kvm.vcpus.map(({ requests }) => mem[requests])).toEqual(
      Array(2).fill(Request.MmuFreeObsoleteRoots),
    );
    expect(t.all(Tracepoint.remoteFlush)).toEqual([]);
    // Two vCPUs still hold the root, whose tables are gone: nothing is left but its own.
    expect(stateOf(on, kvm.roots[0])).toEqual([2, 1, 0, 1]);
    expect(mem[kvm.tables.used]).toBe(1);
    for (const vcpu of kvm.vcpus) finish(kvmMmuFreeRoot(t, vcpu));
    expect(stateOf(on, kvm.roots[0])).toEqual([0, 1, 0, 0]);
    expect(mem[kvm.tables.used]).toBe(0);
  });

  it('a root that goes before its zap is zapped all the same, and frees everything', () => {
    const on = tdpOn({ ...small, mapped: 64 });
    const { kvm, t, mem } = on;
    // 1 + 4 + 16 tables map 64 pages.
    expect(mem[kvm.tables.used]).toBe(21);
    finish(kvmTdpMmuInvalidateRoots(t, kvm));
    finish(kvmMmuFreeRoot(t, on.vcpu));
    finish(kvmTdpMmuZapInvalidatedRoots(t, kvm));
    expect(stateOf(on, kvm.roots[0])).toEqual([0, 1, 0, 0]);
    expect(mem[kvm.tables.used]).toBe(0);
    expect(mem[kvm.rcuReaders]).toBe(0);
  });

  it('what is valid, or zapped already, is left alone', () => {
    const on = tdpOn({ ...small, mapped: 4 });
    const { kvm, t } = on;
    finish(kvmTdpMmuZapInvalidatedRoots(t, kvm));
    expect(t.all(Tracepoint.probeSpteZapped)).toEqual([]);
    finish(kvmTdpMmuInvalidateRoots(t, kvm));
    finish(kvmTdpMmuZapInvalidatedRoots(t, kvm));
    expect(t.all(Tracepoint.probeSpteZapped)).toHaveLength(4);
    // The vCPU's reference keeps it; invalidating again does not schedule it again.
    finish(kvmTdpMmuInvalidateRoots(t, kvm));
    expect(stateOf(on, kvm.roots[0])).toEqual([1, 1, 0, 1]);
  });
});

describe('zapping a root', () => {
  /** Everything is mapped, the root is invalid, and its vCPU has left it. */
  function invalidated(change = {}): TdpMachine {
    const on = tdpOn({ ...small, mapped: 64, change });
    finish(kvmTdpMmuInvalidateRoots(on.t, on.kvm));
    finish(kvmMmuFreeRoot(on.t, on.vcpu));
    on.t.emitted.length = 0;
    return on;
  }

  it.each([
    // Sideways steps of each pass: 63 between 64 pages, 15 between 16 tables of them, 3 between 4.
    ['4k-2m-1g-top', 63 + 15 + 3],
    ['1g-top', 3],
  ] as const)('rootZapLevels %s: contended, %d yields, and never a flush', (rootZapLevels, yields) => {
    const on = invalidated({ rootZapLevels });
    on.t.needReschedNow = true;
    finish(kvmTdpMmuZapInvalidatedRoots(on.t, on.kvm));
    expect(on.t.all(Tracepoint.yield)).toHaveLength(yields);
    // For read, and as a reader again after each yield.
    expect(on.t.all(Tracepoint.lockAcquired)).toHaveLength(1 + yields);
    expect(new Set(on.t.all(Tracepoint.lockAcquired).map(([, mode]) => mode))).toEqual(new Set([1]));
    expect(on.t.all(Tracepoint.remoteFlush)).toEqual([]);
    expect(on.t.all(Tracepoint.probeSpteZapped)).toHaveLength(64);
    expect(on.mem[on.kvm.tables.used]).toBe(0);
  });

  it('an entry that changes under the walk is zapped as it is then', () => {
    // One level: no later pass takes what this one left.
    const on = tdpOn({ pages: 4, geometry: { bits: 2, levels: 1 }, mapped: 1 });
    const { kvm, t, mem } = on;
    const cell = entryCellOf(on, 0);
    const before = mem[cell];
    finish(kvmTdpMmuInvalidateRoots(t, kvm));
    // A processor sets the dirty bit between the walk's look and its exchange.
    beforeAccess(t, cell, 2, () => (mem[cell] = before ^ Spte.Dirty));
    finish(kvmTdpMmuZapInvalidatedRoots(t, kvm));
    expect(t.all(Tracepoint.probeSpteZapped)).toEqual([[0, 0, before ^ Spte.Dirty, 1]]);
  });

  it('tables that are taken out are frozen entry by entry, so that faults in them give up', () => {
    const on = invalidated({ rootZapLevels: '1g-top' });
    const { kvm, t, mem } = on;
    const table = frameOf(mem[tableCell(kvm, mem[kvm.roots[0].table])]);
    const lower = frameOf(mem[tableCell(kvm, table)]);
    const frozen: number[] = [];
    beforeAccess(t, tableCell(kvm, table) + 1, 1, () => {
      for (let index = 0; index < 4; index++) frozen.push(mem[tableCell(kvm, lower) + index]);
      frozen.push(mem[tableCell(kvm, table)]);
    });
    finish(kvmTdpMmuZapInvalidatedRoots(t, kvm));
    expect(frozen).toEqual(Array(5).fill(FROZEN_SPTE));
    // 4 entries of 3 levels each of 4 subtrees: 4 x (4 + 16).
    expect(t.all(Tracepoint.probeFrozen)).toHaveLength(80);
  });

  it('waits for whoever has an entry frozen', () => {
    const on = invalidated({ rootZapLevels: '1g-top' });
    const { kvm, t, mem } = on;
    const table = frameOf(mem[tableCell(kvm, mem[kvm.roots[0].table])]);
    const cell = tableCell(kvm, frameOf(mem[tableCell(kvm, table)]));
    const leaf = mem[cell];
    mem[cell] = FROZEN_SPTE;
    let looks = 0;
    t.onAccess = (touched) => {
      // One look, and five exchanges that find it frozen; then the other task is done with it.
      if (touched === cell && ++looks === 1 + 6) mem[cell] = leaf;
    };
    finish(kvmTdpMmuZapInvalidatedRoots(t, kvm));
    expect(looks).toBe(7);
    expect(t.all(Tracepoint.probeSpteZapped)).toHaveLength(64);
  });

  /** Runs something in the first yield, when the lock is free. */
  function inYield(on: TdpMachine, act: (other: SequentialThread) => void): void {
    const { t, mem, kvm } = on;
    t.needReschedNow = true;
    let yielding = false;
    t.onAccess = (cell) => {
      if (cell !== kvm.mmuLock.cnts) return;
      if (!yielding || mem[cell] !== 0) {
        yielding = mem[cell] !== 0;
        return;
      }
      t.onAccess = undefined;
      act(on.others[0]);
    };
  }

  it('an invalidation in a yield finds the root, zaps it, and has nothing to flush for it', () => {
    const on = invalidated();
    const { kvm, t, others, mem } = on;
    inYield(on, (other) => {
      expect(mem[kvm.roots[0].refcount]).toBe(1);
      startOn(on, 60, 64, other);
      endOn(on, 60, 64, other);
      expect(mem[kvm.roots[0].refcount]).toBe(1);
    });
    finish(kvmTdpMmuZapInvalidatedRoots(t, kvm));
    expect(others[0].all(Tracepoint.probeSpteZapped).map(([, gfn]) => gfn)).toEqual([60, 61, 62, 63]);
    expect(others[0].all(Tracepoint.remoteFlush)).toEqual([]);
    expect(t.all(Tracepoint.probeSpteZapped)).toHaveLength(60);
    expect(mem[kvm.tables.used]).toBe(0);
  });

  it('a root that is zapped in a yield of an invalidation waits for it to let go', () => {
    const on = tdpOn({ ...small, mapped: 8 });
    const { kvm, mem } = on;
    const [root] = kvm.roots;
    const table = mem[root.table];
    inYield(on, (other) => {
      finish(kvmTdpMmuInvalidateRoots(other, kvm));
      finish(kvmTdpMmuZapInvalidatedRoots(other, kvm));
      finish(kvmMmuFreeRoot(other, on.vcpu));
      // The walk's own reference.
      expect([mem[root.refcount], mem[root.table]]).toEqual([1, table]);
      expect(isPresent(mem[tableCell(kvm, table)])).toBe(false);
    });
    startOn(on, 0, 8);
    expect(stateOf(on, root)).toEqual([0, 1, 0, 0]);
    expect(mem[kvm.tables.used]).toBe(0);
    // Without the reference the root goes under the walk: rootIteration plain, a bug until 5.16.
    const plain = tdpOn({ ...small, mapped: 8, change: { rootIteration: 'plain' } });
    inYield(plain, (other) => {
      finish(kvmTdpMmuInvalidateRoots(other, plain.kvm));
      finish(kvmTdpMmuZapInvalidatedRoots(other, plain.kvm));
      finish(kvmMmuFreeRoot(other, plain.vcpu));
      expect(stateOf(plain, plain.kvm.roots[0])).toEqual([0, 1, 0, 0]);
    });
    startOn(plain, 0, 8);
  });
});

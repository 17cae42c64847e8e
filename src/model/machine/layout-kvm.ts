/** Cells of struct kvm and what hangs on it. */
import type { Kvm, Memslot, Mm, PfnCache, Root, TableHeap, Vcpu } from '../kvm.js';
import type { MemoryLayout } from '../memory.js';
import { PAGE_FAULT_CELLS } from '../page-fault-struct.js';
import { EXACT_RANGE_CELLS } from '../range-records.js';
import { allocRmap, allocShadow, shadowTableCount } from '../shadow/layout.js';
import { allocRwLock, allocSpinLock, lockAddress } from './cells.js';
import type { MachinePlan, PlacedSlot } from './config.js';

/** Cells for counters, of the machine and of each vCPU. */
const STAT_CELLS = 16;
/** Cells for a vCPU's place in its access pattern. */
const POSITION_CELLS = 1;
const SRCU_CELLS = 4;
/** Tables beyond those that map everything: one in the hands of each vCPU, and a few. */
const SPARE_TABLES = 16;

/** The virtual machine, with its vCPUs, in a process whose memory begins at `mm.firstPage`. */
export function layoutKvm(layout: MemoryLayout, plan: MachinePlan, mm: Mm): Kvm {
  const { geometry, config } = plan;
  const { policy } = config;
  const isContract = policy.lock === 'contract';
  const mmuLock = allocRwLock(layout, 'kvm.mmu_lock');
  // struct kvm has these four together, and so do the caches.
  const mmuInvalidateSeq = layout.alloc('kvm.mmu_invalidate_seq', 1, 'hot');
  const mmuInvalidateInProgress = layout.alloc('kvm.mmu_invalidate_in_progress', 1, 'hot', true);
  const mmuInvalidateRangeStart = layout.alloc('kvm.mmu_invalidate_range_start', 1, 'hot', true);
  const mmuInvalidateRangeEnd = layout.alloc('kvm.mmu_invalidate_range_end', 1, 'hot', true);
  const mnInvalidateLock = allocSpinLock(layout, 'kvm.mn_invalidate_lock', isContract);
  const mnActiveInvalidateCount = layout.alloc('kvm.mn_active_invalidate_count', 1, 'hot', true);
  const gpcInvalidateSeq = layout.alloc('kvm.gpc_invalidate_seq', 1, 'hot', true);
  const keepsRanges = policy.rangeTracking === 'exact' || policy.sequence === 'per-range';
  const tables = layoutTables(layout, plan);
  const vcpus: Vcpu[] = [];
  const mmuValidGen = layout.alloc('kvm.mmu_valid_gen', 1, 'shared');
  const kvm: Kvm = {
    policy,
    vcpus,
    slots: plan.slots.map((slot, id) => layoutSlot(layout, plan, mm, slot, id)),
    mm,
    geometry,
    mmuLock,
    mmuInvalidateSeq,
    mmuInvalidateInProgress,
    mmuInvalidateRangeStart,
    mmuInvalidateRangeEnd,
    exactRanges: layout.alloc('kvm.exact_ranges', keepsRanges ? EXACT_RANGE_CELLS : 0, 'shared'),
    mnInvalidateLock,
    mnActiveInvalidateCount,
    gpcInvalidateSeq,
    roots: layoutRoots(layout, plan),
    tdpMmuPagesLock: allocSpinLock(layout, 'kvm.tdp_mmu_pages_lock', isContract),
    tables,
    mmuValidGen,
    shadow: allocShadow(layout, {
      mmu: policy.mmu,
      geometry,
      tables,
      vcpus: config.vcpus,
      // No lock lies there, so the address is free.
      lockAddress: lockAddress(mmuValidGen),
      isContract,
      guestTableGfn: config.guestTableGfn ?? geometry.gfns,
    }),
    srcu: layout.alloc('kvm.srcu', SRCU_CELLS, 'shared'),
    slotsLock: allocSpinLock(layout, 'kvm.slots_lock', isContract),
    slotsGeneration: layout.alloc('kvm.memslots.generation', 1, 'shared'),
    pfnCaches: (config.pfnCaches ?? []).map((page, index) => layoutPfnCache(layout, mm, page, index)),
    usefulWaiters: layout.alloc('kvm.useful_waiters', 1, 'hot'),
    rcuReaders: layout.alloc('rcu.readers', 1, 'private'),
    rcuLimbo: layout.alloc('rcu.limbo', tables.count + 1, 'private'),
    tracksSrcu: config.memslotsChange ?? false,
    stats: layout.alloc('kvm.stat', STAT_CELLS, 'private'),
  };
  for (let id = 0; id < config.vcpus; id++) vcpus.push(layoutVcpu(layout, kvm, id, plan.tlbEntries));
  return kvm;
}

/**
 * Tables are numbered from 1. Enough for every root that can be alive to map every frame, and for one
 * root's worth that waits for a grace period.
 */
function layoutTables(layout: MemoryLayout, plan: MachinePlan): TableHeap {
  const { geometry, config } = plan;
  let perRoot = 0;
  for (let level = 1; level <= geometry.levels; level++) {
    perRoot += Math.ceil(geometry.gfns / 2 ** (geometry.bits * level));
  }
  const sets = plan.rootsPerSpace * plan.addressSpaces + 1;
  const count =
    config.policy.mmu === 'tdp'
      ? perRoot * sets + config.vcpus + SPARE_TABLES
      : shadowTableCount(geometry, config.vcpus);
  return {
    count,
    first: layout.alloc('kvm.tables', (count + 1) << geometry.bits, 'shared'),
    free: layout.alloc('kvm.tables.free', 1, 'private'),
    used: layout.alloc('kvm.tables.used', 1, 'private'),
  };
}

function layoutSlot(
  layout: MemoryLayout,
  plan: MachinePlan,
  mm: Mm,
  { asId, baseGfn, pages, firstPage, isPrivate }: PlacedSlot,
  id: number,
): Memslot {
  const name = `memslot ${id}`;
  const { mmu } = plan.config.policy;
  return {
    id,
    asId,
    baseGfn,
    pages,
    userspacePage: mm.firstPage + firstPage,
    flags: layout.alloc(`${name}.flags`, 1, 'shared'),
    rmap: allocRmap(layout, name, mmu, plan.geometry, baseGfn, pages),
    isPrivate,
  };
}

function layoutRoots(layout: MemoryLayout, { rootsPerSpace, addressSpaces }: MachinePlan): Root[] {
  return Array.from({ length: rootsPerSpace * addressSpaces }, (_, index) => {
    const table = layout.alloc(`root ${index}.table`, 1, 'hot');
    return {
      index,
      table,
      refcount: layout.alloc(`root ${index}.tdp_mmu_root_count`, 1, 'hot', true),
      invalid: layout.alloc(`root ${index}.role.invalid`, 1, 'hot', true),
      scheduledToZap: layout.alloc(`root ${index}.tdp_mmu_scheduled_root_to_zap`, 1, 'hot', true),
      asId: Math.floor(index / rootsPerSpace),
    };
  });
}

function layoutPfnCache(layout: MemoryLayout, mm: Mm, page: number, index: number): PfnCache {
  return {
    index,
    lock: allocSpinLock(layout, `gpc ${index}.lock`, mm.policy.lock === 'contract'),
    refreshLock: layout.alloc(`gpc ${index}.refresh_lock`, 1, 'hot', true),
    valid: layout.alloc(`gpc ${index}.valid`, 1, 'hot', true),
    pfn: layout.alloc(`gpc ${index}.pfn`, 1, 'hot', true),
    userspacePage: mm.firstPage + page,
  };
}

function layoutVcpu(layout: MemoryLayout, kvm: Kvm, id: number, tlbEntries: number): Vcpu {
  const name = `vcpu ${id}`;
  const mode = layout.alloc(`${name}.mode`, 1, 'hot');
  const requests = layout.alloc(`${name}.requests`, 1, 'hot', true);
  const cpu = layout.alloc(`${name}.cpu`, 1, 'hot', true);
  const mine = (field: string, cells: number): number => layout.alloc(`${name}.${field}`, cells, 'private');
  return {
    id,
    kvm,
    mode,
    requests,
    cpu,
    root: mine('root', 1),
    tlb: mine('tlb', 2 * tlbEntries),
    tlbEntries,
    fault: mine('fault', PAGE_FAULT_CELLS),
    apicAccessPfn: mine('apic_access_pfn', 1),
    position: mine('position', POSITION_CELLS),
    stats: mine('stat', STAT_CELLS),
  };
}

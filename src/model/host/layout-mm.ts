/**
 * Cells of the VMM's process, for whoever builds the machine.
 */
import type { Kvm, KsmState, Mm, SpinLock } from '../kvm.js';
import type { MemoryLayout } from '../memory.js';
import type { Policy } from '../policies.js';
import { FREE_CELLS, HPAGE_PMD_NR, MAX_KSM_CLASSES } from './folios.js';
import { pudOf } from './primary-mmu.js';
import type { KsmSettings } from './settings.js';

export interface MmSetup {
  readonly policy: Policy;
  /** Host page number of the first page; a multiple of 512. */
  readonly firstPage: number;
  readonly pages: number;
  /** Page frames of the host, shared out evenly among the nodes in blocks of 512. Frame 0 is never used. */
  readonly pfns: number;
  readonly nodes: number;
  /** Node of each CPU. */
  readonly cpuNodes: readonly number[];
  readonly thp: boolean;
  readonly migratesMisplaced: boolean;
  readonly ksm: { readonly settings: KsmSettings; readonly classes: number } | undefined;
  /** Virtual machines whose notifiers are registered; may be filled later, before the first thread runs. */
  readonly kvms: Kvm[];
}

/**
 * Allocates the cells of a process. `initFolios` must run on the finished memory.
 *
 * @param newSpinLock allocates a lock; `hot` says that CPUs fight for it
 */
export function layoutMm(
  layout: MemoryLayout,
  setup: MmSetup,
  newSpinLock: (name: string, hot: boolean) => SpinLock,
): Mm {
  const { policy, firstPage, pages, pfns, nodes } = setup;
  if (firstPage % HPAGE_PMD_NR !== 0) throw new Error(`first page ${firstPage} is no multiple of 512`);
  const pmdCount = Math.ceil(pages / HPAGE_PMD_NR);
  const pudCount = pudOf(firstPage + pages - 1) - pudOf(firstPage) + 1;
  // Cache lines are tracked for 65,535 at most; page tables of big machines are too many to fight for one.
  const hot = pmdCount <= HOT_PT_LOCKS;
  return {
    policy,
    firstPage,
    pages,
    pfns,
    nodes,
    ptes: layout.alloc('mm.ptes', pages, 'shared'),
    pmds: layout.alloc('mm.pmds', pmdCount, 'shared'),
    puds: layout.alloc('mm.puds', pudCount, 'shared'),
    ptLocks: Array.from({ length: pmdCount }, () => newSpinLock('mm.ptl', hot)),
    mmapLock: layout.alloc('mm.mmap_lock', 1, 'hot'),
    refcounts: layout.alloc('page.refcount', pfns, 'shared'),
    pfnFlags: layout.alloc('page.flags', pfns, 'shared'),
    pfnNext: layout.alloc('page.lru', pfns, 'shared'),
    freeHeads: layout.alloc('zone.free', nodes * FREE_CELLS, 'shared'),
    zoneLock: newSpinLock('zone.lock', true),
    kvms: setup.kvms,
    numaScanOffset: layout.alloc('mm.numa_scan_offset', 1, 'shared'),
    cpuNodes: setup.cpuNodes,
    thp: setup.thp,
    migratesMisplaced: setup.migratesMisplaced,
    ksm: setup.ksm && layoutKsm(layout, pages, setup.ksm.settings, setup.ksm.classes),
  };
}

const HOT_PT_LOCKS = 4096;

function layoutKsm(layout: MemoryLayout, pages: number, settings: KsmSettings, classes: number): KsmState {
  if (classes > MAX_KSM_CLASSES)
    throw new Error(`${classes} classes of contents, at most ${MAX_KSM_CLASSES}`);
  return {
    settings,
    contents: layout.alloc('ksm.contents', pages, 'shared'),
    classes,
    rmapItems: layout.alloc('ksm.rmap_items', pages, 'shared'),
    stable: layout.alloc('ksm.stable', classes + 1, 'shared'),
    unstable: layout.alloc('ksm.unstable', classes + 1, 'shared'),
    cursor: layout.alloc('ksm.cursor', 1, 'shared'),
    seqnr: layout.alloc('ksm.seqnr', 1, 'shared'),
  };
}

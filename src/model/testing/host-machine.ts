/** A machine with one thread that is alone on it, and what tests ask about its host memory. */
import { FolioFlag, FREE_CELLS, HPAGE_PMD_NR } from '../host/folios.js';
import { entryInHugePmd, isHugePmd, PMD_TABLE } from '../host/primary-mmu.js';
import { kernelPolicy } from '../kernels.js';
import type { KsmState, Mm } from '../kvm.js';
import { buildMachine, type Machine, type MachineConfig } from '../machine.js';
import { SCRATCH_CELLS } from '../scratch.js';
import { frameOf, Pte } from '../spte.js';
import { Tracepoint } from '../tracepoints.js';
import { SequentialThread } from './sequential-thread.js';

export interface Alone extends Machine {
  readonly t: SequentialThread;
  readonly mem: Int32Array;
  /** Host page number of page 0. */
  readonly first: number;
}

/** A machine whose memory is one slot of `pages`, unless `slots` says otherwise. */
export function aloneOn(config: Partial<MachineConfig> & { pages?: number; kernel?: string }): Alone {
  const { pages = 1024, kernel = 'v7.3', ...rest } = config;
  let scratch = 0;
  const machine = buildMachine(
    { policy: kernelPolicy(kernel), vcpus: 1, slots: [{ pages }], tlbEntries: 64, ...rest },
    (layout) => (scratch = layout.alloc('scratch', SCRATCH_CELLS, 'private')),
  );
  const t = new SequentialThread(machine.memory.cells, 1, scratch);
  return { ...machine, t, mem: machine.memory.cells, first: machine.mm.firstPage };
}

/** The state of KSM of a machine that was configured with it.
 *
 * @internal for tests
 */
export function ksmOf({ mm }: Machine): KsmState {
  if (mm.ksm === undefined) throw new Error('this machine has no KSM');
  return mm.ksm;
}

/** The entry that maps a page, counted from the first of the process; 0: none.
 *
 * @internal for tests
 */
export function entryOf({ mm, mem }: Alone, page: number): number {
  const pmd = mem[mm.pmds + (page >>> 9)] ?? 0;
  if (isHugePmd(pmd)) return entryInHugePmd(pmd, mm.firstPage + page);
  return pmd === PMD_TABLE ? (mem[mm.ptes + page] ?? 0) : 0;
}

/** Ranges of the invalidations that began, in pages from the first of the process.
 *
 * @internal for tests
 */
export function invalidations({ t, first }: Alone): number[][] {
  return t.all(Tracepoint.kvmUnmapHvaRange).map((range) => range.map((page) => page - first));
}

/**
 * What does not add up: references that nobody holds or that are missing, and frames that are free and
 * used, or lost.
 *
 * @param held references that the test holds itself, by frame
 * @internal for tests
 */
export function unaccounted({ mm, mem }: Alone, held: ReadonlyMap<number, number> = new Map()): string[] {
  const refs = mappings(mm, mem);
  for (const [pfn, count] of held) refs[headOf(mm, mem, pfn)] += count;
  const free = freeFrames(mm, mem);
  const wrong: string[] = [];
  for (let pfn = 1; pfn < mm.pfns; pfn++) {
    const flags = mem[mm.pfnFlags + pfn] ?? 0;
    if ((flags & FolioFlag.Forked) !== 0) refs[pfn] += 1;
    const count = mem[mm.refcounts + pfn];
    const tail = (flags & FolioFlag.Tail) !== 0;
    if (count !== refs[pfn]) wrong.push(`frame ${pfn} has ${count} references, and ${refs[pfn]} holders`);
    const times = free[pfn] ?? 0;
    const wanted = tail || refs[pfn] > 0 ? 0 : 1;
    if (times !== wanted) wrong.push(`frame ${pfn} is ${times} times free, not ${wanted}`);
    if ((flags & FolioFlag.Locked) !== 0) wrong.push(`frame ${pfn} is locked`);
  }
  if (mem[mm.mmapLock] !== 0) wrong.push(`mmap_lock is ${mem[mm.mmapLock]}`);
  return wrong;
}

function headOf(mm: Mm, mem: Int32Array, pfn: number): number {
  return ((mem[mm.pfnFlags + pfn] ?? 0) & FolioFlag.Tail) !== 0 ? pfn & -HPAGE_PMD_NR : pfn;
}

/** Page-table entries by the frame that counts their references. */
function mappings(mm: Mm, mem: Int32Array): Int32Array {
  const refs = new Int32Array(mm.pfns);
  for (let page = 0; page < mm.pages; page++) {
    const pmd = mem[mm.pmds + (page >>> 9)] ?? 0;
    if (isHugePmd(pmd)) {
      if (page % HPAGE_PMD_NR === 0 && (pmd & Pte.Present) !== 0) refs[frameOf(pmd)] += 1;
      continue;
    }
    const pte = mem[mm.ptes + page] ?? 0;
    if ((pte & Pte.Present) !== 0) refs[headOf(mm, mem, frameOf(pte))] += 1;
  }
  return refs;
}

/** How often each frame is in a free list. */
function freeFrames(mm: Mm, mem: Int32Array): Uint8Array {
  const free = new Uint8Array(mm.pfns);
  for (let node = 0; node < mm.nodes; node++) {
    const [pages = 0, blocks = 0, open = 0, openEnd = 0] = mem.subarray(mm.freeHeads + node * FREE_CELLS);
    for (let pfn = pages; pfn !== 0; pfn = mem[mm.pfnNext + pfn] ?? 0) free[pfn] += 1;
    for (let pfn = open; pfn < openEnd; pfn++) free[pfn] += 1;
    for (let block = blocks; block !== 0; block = mem[mm.pfnNext + block] ?? 0) {
      for (let pfn = block; pfn < block + HPAGE_PMD_NR; pfn++) free[pfn] += 1;
    }
  }
  return free;
}

/** What a machine's memory holds before the first thread runs. */
import { InputError } from '../../trace/errors.js';
import { HPAGE_PMD_NR, initFolios, makeHugeFolio, takeFreeBlock, takeFreePage } from '../host/folios.js';
import { PMD_TABLE, pmdCell, pteCell, pudCell } from '../host/primary-mmu.js';
import { SlotFlag, type Kvm, type Mm } from '../kvm.js';
import { initShadow } from '../shadow/layout.js';
import { makeEntry, WRITTEN_PAGE } from '../spte.js';
import type { MachineConfig, MachinePlan } from './config.js';

/** INVALID_GPA in both bounds: no invalidation has a range yet. */
const NO_RANGE = -1;

export function fillKvm(mem: Int32Array, kvm: Kvm): void {
  const { tables, geometry } = kvm;
  mem[kvm.mmuInvalidateRangeStart] = NO_RANGE;
  mem[kvm.mmuInvalidateRangeEnd] = NO_RANGE;
  for (const { flags } of kvm.slots) mem[flags] = SlotFlag.Valid;
  for (let index = tables.count; index > 0; index--) {
    mem[tables.first + (index << geometry.bits)] = mem[tables.free];
    mem[tables.free] = index;
  }
  initShadow(mem, kvm.shadow, geometry);
}

export function fillMm(mem: Int32Array, mm: Mm, plan: MachinePlan): void {
  initFolios(mem, mm);
  const { populated, ksm } = plan.config;
  if (mm.ksm !== undefined && ksm !== undefined) {
    for (let page = 0; page < mm.pages; page++) mem[mm.ksm.contents + page] = ksm.classOf(page);
  }
  if (populated === undefined) return;
  // Slots that show the same memory populate it once.
  for (const { firstPage, pages } of plan.slots) populate(mem, mm, firstPage, firstPage + pages, populated);
}

function populate(
  mem: Int32Array,
  mm: Mm,
  first: number,
  end: number,
  { huge, nodeOf }: NonNullable<MachineConfig['populated']>,
): void {
  for (let page = first; page < end;) {
    const host = mm.firstPage + page;
    mem[pudCell(mm, host)] = 1;
    const node = nodeOf(page);
    const aligned = host % HPAGE_PMD_NR === 0 && page + HPAGE_PMD_NR <= end && mem[pmdCell(mm, host)] === 0;
    const block = huge && aligned ? takeFreeBlock(mem, mm, node) : 0;
    if (block !== 0) {
      makeHugeFolio(mem, mm, block);
      mem[mm.refcounts + block] = 1;
      mem[pmdCell(mm, host)] = makeEntry(block, WRITTEN_PAGE);
      page += HPAGE_PMD_NR;
      continue;
    }
    if (mem[pmdCell(mm, host)] === 0) mem[pmdCell(mm, host)] = PMD_TABLE;
    if (mem[pmdCell(mm, host)] === PMD_TABLE && mem[pteCell(mm, host)] === 0) {
      const pfn = takeAnyPage(mem, mm, node);
      mem[mm.refcounts + pfn] = 1;
      mem[pteCell(mm, host)] = makeEntry(pfn, WRITTEN_PAGE);
    }
    page += 1;
  }
}

/** A page of that node, or of the next that has one. */
function takeAnyPage(mem: Int32Array, mm: Mm, node: number): number {
  for (let tried = 0; tried < mm.nodes; tried++) {
    const pfn = takeFreePage(mem, mm, (node + tried) % mm.nodes);
    if (pfn !== 0) return pfn;
  }
  throw new InputError(`${mm.pfns} frames are too few for the populated pages`, { field: 'machine.pfns' });
}

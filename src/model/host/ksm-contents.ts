/**
 * What pages hold, as far as KSM can tell: a class per page.
 * Pages of one class are equal; class 0 is like no other.
 */
import type { KsmState, Mm } from '../kvm.js';

/** A bit of a cell of `rmapItems`: ksmd has seen the page with what it holds now (rmap_item->oldchecksum). */
export const RMAP_CHECKSUM_KNOWN = 1;

/** A page was written to after it had been shared; `settings.afterWrite` says what it holds now. */
export function noteWrite(mem: Int32Array, mm: Mm, ksm: KsmState, page: number): void {
  if (ksm.settings.afterWrite === 'same') return;
  mem[ksm.contents + page - mm.firstPage] = 0;
  mem[ksm.rmapItems + page - mm.firstPage] &= ~RMAP_CHECKSUM_KNOWN;
}

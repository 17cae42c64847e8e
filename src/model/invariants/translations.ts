/** noStaleTranslation, noUseAfterFree, noDirectRemap: who maps what, against what the host has. */
import { HPAGE_PMD_NR } from '../host/folios.js';
import { isHugePmd, pmdCell } from '../host/primary-mmu.js';
import type { Kvm } from '../kvm.js';
import { pagesPerEntry } from '../page-tables.js';
import { frameOf, isLeaf, Pte } from '../spte.js';
import type { ActiveRange, ActiveRanges } from './active-ranges.js';
import { GuestTlbs } from './guest-tlbs.js';
import type { InvariantName } from './names.js';
import { isLocked, isPageInUse, mapsFrame, visitLeaves, type GfnRange } from './read-state.js';
import type { Violations } from './violations.js';

/** Why a vCPU must flush before it enters its guest again. */
interface Debt {
  readonly name: InvariantName;
  readonly what: string;
}

export class Translations {
  readonly #tlbs: GuestTlbs;
  readonly #debts: (Debt | undefined)[];
  /** Per pfn: the frame that was mapped to it last, plus 1; where there were more (KSM), the others. */
  readonly #gfnOf: Int32Array;
  readonly #otherGfns = new Map<number, Set<number>>();
  /** Per vCPU: a freed page that its VMCS still names, or 0. */
  readonly #staleApic: Int32Array;
  #usesApicPage = false;

  constructor(
    readonly kvm: Kvm,
    readonly ranges: ActiveRanges,
    readonly violations: Violations,
  ) {
    this.#tlbs = new GuestTlbs(kvm);
    this.#debts = kvm.vcpus.map(() => undefined);
    this.#gfnOf = new Int32Array(kvm.mm.pfns);
    this.#staleApic = new Int32Array(kvm.vcpus.length);
  }

  /** A leaf is there that was not, or has other bits. */
  installed(mem: Int32Array, root: number, gfn: number, before: number, spte: number, level: number): void {
    const pages = pagesPerEntry(this.kvm, level);
    const pfn = frameOf(spte);
    if (isLeaf(before) && frameOf(before) !== pfn) {
      this.violations.add('noDirectRemap', `gfn ${gfn} went from page ${frameOf(before)} to ${pfn} at once`);
    }
    if (!isPageInUse(mem, this.kvm.mm, pfn)) {
      this.violations.add('noUseAfterFree', `an SPTE maps gfn ${gfn} to ${pfn}, which is no page in use`);
    }
    const range = this.ranges.holding(this.#spaceOf(root), gfn, pages);
    if (range !== undefined) this.#mappedInWindow(mem, 'an SPTE', gfn, range);
    for (let offset = 0; offset < pages; offset++) this.#remember(pfn + offset, gfn + offset);
  }

  /** fast_page_fault() wrote an entry that it had read before: is what it wrote there, and may it be? */
  fixedFast(mem: Int32Array, gfn: number, spte: number): void {
    const pfn = frameOf(spte);
    if (!mapsFrame(mem, this.kvm, 0, gfn, pfn)) return;
    this.#remember(pfn, gfn);
    const range = this.ranges.holding(0, gfn, 1);
    if (range !== undefined) this.#mappedInWindow(mem, 'an SPTE', gfn, range);
  }

  /**
   * A fault asks for its own gfn alone, so a huge SPTE may cover pages that change, as long as the host
   * maps them with one huge entry too: before that entry is split or removed, its whole range is announced
   * (__split_huge_pmd()).
   */
  #mappedInWindow(mem: Int32Array, what: string, gfn: number, { start, end }: ActiveRange): void {
    const pmd = mem[pmdCell(this.kvm.mm, start)];
    if (end - start < HPAGE_PMD_NR && isHugePmd(pmd) && (pmd & Pte.Present) !== 0) return;
    this.violations.add(
      'noStaleTranslation',
      `${what} maps gfn ${gfn} while pages ${start} to ${end} change`,
    );
  }

  #spaceOf(root: number): number {
    return this.kvm.roots[root]?.asId ?? 0;
  }

  #remember(pfn: number, gfn: number): void {
    if (pfn <= 0 || pfn >= this.#gfnOf.length) return;
    const last = this.#gfnOf[pfn];
    this.#gfnOf[pfn] = gfn + 1;
    if (last === 0 || last === gfn + 1) return;
    const others = this.#otherGfns.get(pfn);
    if (others === undefined) this.#otherGfns.set(pfn, new Set([last - 1]));
    else others.add(last - 1);
  }

  tlbFilled(mem: Int32Array, vcpu: number, gfn: number, spte: number): void {
    const pfn = frameOf(spte);
    this.#tlbs.fill(vcpu, gfn, pfn);
    const range = this.ranges.holding(0, gfn, 1);
    if (range !== undefined) this.#mappedInWindow(mem, `the TLB of vCPU ${vcpu}`, gfn, range);
    if (!isPageInUse(mem, this.kvm.mm, pfn)) {
      this.violations.add(
        'noUseAfterFree',
        `vCPU ${vcpu} reaches page ${pfn} at gfn ${gfn}, which is not in use`,
      );
    }
  }

  tlbFlushed(vcpu: number): void {
    this.#tlbs.flush(vcpu);
    this.#debts[vcpu] = undefined;
  }

  entered(mem: Int32Array, vcpu: number): void {
    this.#tlbs.enter(vcpu);
    const debt = this.#debts[vcpu];
    if (debt !== undefined) {
      this.violations.add(debt.name, `vCPU ${vcpu} enters its guest without a flush: ${debt.what}`);
      this.#debts[vcpu] = undefined;
    }
    const stale = this.#staleApic[vcpu];
    if (stale !== 0 && mem[this.kvm.vcpus[vcpu].apicAccessPfn] === stale) {
      this.violations.add('noUseAfterFree', `vCPU ${vcpu} enters its guest with APIC page ${stale}, freed`);
      this.#staleApic[vcpu] = 0;
    }
  }

  exited(vcpu: number): void {
    this.#tlbs.exit(vcpu);
  }

  /** range_start() has returned: from now on nothing maps its range. */
  startReturned(mem: Int32Array, range: ActiveRange): void {
    for (const part of range.parts) {
      this.#expectUnmapped(mem, part, range);
      if (part.asId === 0) this.#expectNotCached(mem, part, range);
    }
  }

  #expectUnmapped(mem: Int32Array, part: GfnRange, range: ActiveRange): void {
    let first = -1;
    visitLeaves(mem, this.kvm, part, (gfn) => (first = first < 0 ? gfn : first));
    if (first >= 0) this.#mappedInWindow(mem, 'an SPTE still', first, range);
  }

  #expectNotCached(mem: Int32Array, part: GfnRange, { start, end }: ActiveRange): void {
    this.#tlbs.holdersOfGfns(part.start, Math.min(part.end, this.kvm.geometry.gfns), (vcpu, gfn) => {
      const what = `its TLB maps gfn ${gfn}, and pages ${start} to ${end} change`;
      this.#stale(mem, vcpu, { name: 'noStaleTranslation', what });
    });
  }

  /** A vCPU in its guest is wrong now; one outside is wrong if it enters without a flush. */
  #stale(mem: Int32Array, vcpu: number, debt: Debt): void {
    if (!this.#tlbs.runsGuest(mem, vcpu)) this.#debts[vcpu] ??= debt;
    else this.violations.add(debt.name, `vCPU ${vcpu} runs its guest: ${debt.what}`);
  }

  pageFreed(mem: Int32Array, pfn: number): void {
    const gfn = this.#gfnOf[pfn] - 1;
    if (gfn >= 0) {
      this.#expectNoLeaf(mem, gfn, pfn);
      for (const other of this.#otherGfns.get(pfn) ?? []) this.#expectNoLeaf(mem, other, pfn);
      this.#gfnOf[pfn] = 0;
      if (this.#otherGfns.size > 0) this.#otherGfns.delete(pfn);
    }
    this.#tlbs.holdersOfPfn(pfn, (vcpu) => {
      this.#stale(mem, vcpu, { name: 'noUseAfterFree', what: `its TLB maps page ${pfn}, which was freed` });
    });
    for (const { index, valid, pfn: cached, lock } of this.kvm.pfnCaches) {
      // Who refreshes the cache writes both under its lock, one after the other.
      if (mem[valid] === 0 || mem[cached] !== pfn || isLocked(mem, lock)) continue;
      this.violations.add('noUseAfterFree', `gfn_to_pfn_cache ${index} holds page ${pfn}, which was freed`);
    }
    if (this.#usesApicPage) this.#expectNoApicPage(mem, pfn);
  }

  #expectNoLeaf(mem: Int32Array, gfn: number, pfn: number): void {
    for (let asId = 0; asId < 2; asId++) {
      if (!mapsFrame(mem, this.kvm, asId, gfn, pfn)) continue;
      this.violations.add('noUseAfterFree', `an SPTE maps gfn ${gfn} to page ${pfn}, which was freed`);
    }
  }

  #expectNoApicPage(mem: Int32Array, pfn: number): void {
    for (const { id, apicAccessPfn } of this.kvm.vcpus) {
      if (mem[apicAccessPfn] !== pfn) continue;
      if (!this.#tlbs.runsGuest(mem, id)) this.#staleApic[id] = pfn;
      else this.violations.add('noUseAfterFree', `the VMCS of vCPU ${id} names page ${pfn}, which was freed`);
    }
  }

  apicPageWritten(mem: Int32Array, vcpu: number, pfn: number): void {
    this.#usesApicPage = true;
    this.#staleApic[vcpu] = 0;
    if (mem[this.kvm.vcpus[vcpu].apicAccessPfn] !== pfn || isPageInUse(mem, this.kvm.mm, pfn)) return;
    this.violations.add('noUseAfterFree', `the VMCS of vCPU ${vcpu} got page ${pfn}, which is not in use`);
  }

  pfnCacheFilled(mem: Int32Array, index: number, pfn: number): void {
    const cache = this.kvm.pfnCaches[index];
    if (mem[cache.valid] === 0 || mem[cache.pfn] !== pfn || isPageInUse(mem, this.kvm.mm, pfn)) return;
    this.violations.add('noUseAfterFree', `gfn_to_pfn_cache ${index} got page ${pfn}, which is not in use`);
  }

  /** Looks at everything: every leaf, and every TLB whose vCPU runs its guest. */
  scan(mem: Int32Array): void {
    for (const range of this.ranges.list) this.startReturned(mem, range);
    for (let asId = 0; asId < 2; asId++) {
      const all = { asId, start: 0, end: this.kvm.geometry.gfns, active: true };
      visitLeaves(mem, this.kvm, all, (gfn, spte) => {
        if (isPageInUse(mem, this.kvm.mm, frameOf(spte))) return;
        this.violations.add(
          'noUseAfterFree',
          `an SPTE maps gfn ${gfn} to ${frameOf(spte)}, which is not in use`,
        );
      });
    }
    for (const { id, tlb, tlbEntries } of this.kvm.vcpus) {
      if (!this.#tlbs.runsGuest(mem, id)) continue;
      for (let entry = tlb; entry < tlb + 2 * tlbEntries; entry += 2) {
        if (mem[entry] !== 0) this.#expectGoodEntry(mem, id, mem[entry] - 1, frameOf(mem[entry + 1]));
      }
    }
    for (const { index, pfn } of this.kvm.pfnCaches) this.pfnCacheFilled(mem, index, mem[pfn]);
  }

  #expectGoodEntry(mem: Int32Array, vcpu: number, gfn: number, pfn: number): void {
    if (!isPageInUse(mem, this.kvm.mm, pfn)) {
      this.violations.add('noUseAfterFree', `the TLB of vCPU ${vcpu} maps gfn ${gfn} to ${pfn}, not in use`);
    }
    const range = this.ranges.holding(0, gfn, 1);
    if (range !== undefined) this.#mappedInWindow(mem, `the TLB of vCPU ${vcpu} still`, gfn, range);
  }
}

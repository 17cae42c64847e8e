/**
 * The invariants of the protocol, asserted in every step. What must be remembered between steps lies in cells
 * of the machine's memory, so that it is part of the state: two histories that leave the same cells are one.
 *
 * The same invariants as in model/invariants.ts, which watches runs of any size; here machines are small, so
 * that everything may be looked at every time.
 */
import { isHugePmd, pmdCell } from '../../model/host/primary-mmu.js';
import { HPAGE_PMD_NR } from '../../model/host/folios.js';
import type { InvariantName } from '../../model/invariants/names.js';
import { gfnRangesOf, isLocked, isPageInUse, visitLeaves } from '../../model/invariants/read-state.js';
import type { Kvm } from '../../model/kvm.js';
import type { Cell } from '../../model/operations.js';
import { pagesPerEntry, tableCell } from '../../model/page-tables.js';
import { frameOf, FROZEN_SPTE, isLeaf, Pte } from '../../model/spte.js';
import { Tracepoint } from '../../model/tracepoints.js';
import type { Finding, Watcher } from '../program.js';

/** Invalidations between the return of their start and their end. */
const RANGES = 4;
const MOST_VCPUS = 6;
const MOST_THREADS = 8;
/** start, end (0: free) of each. */
const RANGE_AT = 0;
const BEGAN_AT = RANGE_AT + 2 * RANGES;
/** 1 while the vCPU's guest runs. */
const IN_GUEST_AT = BEGAN_AT + 1;
/** Why a vCPU must flush before its guest runs again: 0, or a number of DEBTS plus 1. */
const DEBT_AT = IN_GUEST_AT + MOST_VCPUS;
/** Freed page that the VMCS still names, or 0. */
const APIC_AT = DEBT_AT + MOST_VCPUS;
/** 1 while the thread is in a notifier that may not block. */
const MAY_NOT_AT = APIC_AT + MOST_VCPUS;
/** References to pages that the thread's fault holds. */
const REFS_AT = MAY_NOT_AT + MOST_THREADS;
export const WATCH_CELLS = REFS_AT + MOST_THREADS;

const DEBTS = ['noStaleTranslation', 'noUseAfterFree'] as const;

type Mem = Int32Array;

function finding(name: InvariantName, message: string): Finding {
  return { name, message };
}

export class KvmWatcher implements Watcher {
  constructor(
    readonly kvm: Kvm,
    /** WATCH_CELLS cells of its own. */
    readonly cells: Cell,
  ) {}

  /** The check begins: nothing has happened yet. */
  begin(mem: Mem): void {
    mem.fill(0, this.cells, this.cells + WATCH_CELLS);
  }

  onEmit(mem: Mem, thread: number, point: Tracepoint, values: readonly number[]): Finding | undefined {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = values;
    switch (point) {
      case Tracepoint.probeTlbFill:
        return this.#tlbFilled(mem, a, b, c);
      case Tracepoint.probeSpteInstalled:
        return this.#wrote(b, c) ?? this.#installed(mem, a, b, c, d, e);
      case Tracepoint.probeTableLinked:
        return this.#wrote(b, c);
      case Tracepoint.fastPageFault:
        return this.#mapped(mem, 0, b, 1, `an SPTE`);
      case Tracepoint.probeTlbFlushed:
        mem[this.cells + DEBT_AT + a] = 0;
        return undefined;
      case Tracepoint.probePageFreed:
        return this.#pageFreed(mem, a);
      case Tracepoint.probeApicPage:
        return this.#apicPage(mem, a, b);
      case Tracepoint.probePfnCache:
        return this.#pfnCacheFilled(mem, a, b);
      default:
        return this.#protocol(mem, thread, point, a, b, c, d);
    }
  }

  #protocol(
    mem: Mem,
    thread: number,
    point: Tracepoint,
    a: number,
    b: number,
    c: number,
    d: number,
  ): Finding | undefined {
    const mayNot = this.cells + MAY_NOT_AT + thread;
    const refs = this.cells + REFS_AT + thread;
    switch (point) {
      case Tracepoint.probeStartEntered:
        mem[mayNot] = c === 0 ? 1 : 0;
        return undefined;
      case Tracepoint.probeStartReturned:
        if (mem[mayNot] !== 0) mem[mayNot] = 0;
        return c === 0 ? undefined : this.#startReturned(mem, a, b);
      case Tracepoint.probeEndEntered:
        this.#removeRange(mem, a, b);
        return undefined;
      case Tracepoint.invalidateBegin:
        mem[this.cells + BEGAN_AT]++;
        return this.#count(mem, c) ?? this.#fresh(mem, c);
      case Tracepoint.invalidateEnd:
        mem[this.cells + BEGAN_AT]--;
        return this.#count(mem, d);
      case Tracepoint.yield:
        return mem[mayNot] === 0
          ? undefined
          : finding('noSleepWhenNotBlockable', 'an invalidation that may not block yields mmu_lock');
      case Tracepoint.probeUnlock:
        return b === 0
          ? undefined
          : finding('flushedBeforeUnlock', 'mmu_lock is dropped, and a flush is owed');
      case Tracepoint.probeFrozen:
        return b === 0 && mem[a] !== FROZEN_SPTE
          ? finding('frozenUntouched', `a frozen entry holds ${mem[a]}: somebody else wrote it`)
          : undefined;
      case Tracepoint.probeFaultRef:
        mem[refs] += b;
        return mem[refs] < 0
          ? finding('referencesBalanced', `a reference to page ${a} is dropped twice`)
          : undefined;
      case Tracepoint.probeFaultEnd:
        return mem[refs] === 0
          ? undefined
          : finding(
              'referencesBalanced',
              `the fault on gfn ${b} ends with ${mem[refs]} references to its page`,
            );
      default:
        return undefined;
    }
  }

  /** A vCPU's guest begins to run, or stops. */
  onGuest(mem: Mem, vcpu: number, runs: boolean): Finding | undefined {
    mem[this.cells + IN_GUEST_AT + vcpu] = runs ? 1 : 0;
    if (!runs) return undefined;
    const debt = mem[this.cells + DEBT_AT + vcpu];
    if (debt !== 0) {
      return finding(DEBTS[debt - 1], `vCPU ${vcpu} enters its guest with a translation that is gone`);
    }
    const stale = mem[this.cells + APIC_AT + vcpu];
    if (stale === 0 || mem[this.kvm.vcpus[vcpu].apicAccessPfn] !== stale) return undefined;
    return finding(
      'noUseAfterFree',
      `vCPU ${vcpu} enters its guest with APIC page ${stale}, which was freed`,
    );
  }

  /** Tables that were freed are nobody's to read. One that waits for its readers is not free yet. */
  onAccess(mem: Mem, _thread: number, cell: Cell): Finding | undefined {
    const { tables, geometry } = this.kvm;
    const table = (cell - tables.first) >> geometry.bits;
    if (cell < tables.first || table < 1 || table > tables.count) return undefined;
    for (let free = mem[tables.free]; free !== 0; free = mem[tableCell(this.kvm, free)]) {
      if (free === table) return finding('noUseAfterFree', `page table ${table} is used, and is free`);
    }
    return undefined;
  }

  atEnd(mem: Mem): Finding | undefined {
    const inProgress = mem[this.kvm.mmuInvalidateInProgress];
    if (inProgress === 0) return undefined;
    return finding('countMatches', `every invalidation is over, and ${inProgress} are still counted`);
  }

  #count(mem: Mem, inProgress: number): Finding | undefined {
    const began = mem[this.cells + BEGAN_AT];
    if (inProgress !== began) {
      return finding(
        'countMatches',
        `mmu_invalidate_in_progress is ${inProgress}, but ${began} invalidations began and did not end`,
      );
    }
    return this.#covered(mem);
  }

  /** An invalidation that begins alone finds no range of others. */
  #fresh(mem: Mem, inProgress: number): Finding | undefined {
    const first = mem[this.kvm.mmuInvalidateRangeStart];
    if (inProgress !== 1 || first === -1 || this.kvm.policy.rangeTracking === 'none') return undefined;
    return finding('countMatches', `one invalidation begins, and the hull already begins at ${first}`);
  }

  /** The hull holds every range whose start has returned. */
  #covered(mem: Mem): Finding | undefined {
    const { policy, mmuInvalidateRangeStart, mmuInvalidateRangeEnd } = this.kvm;
    if (policy.rangeTracking === 'none' || policy.rangeTracking === 'exact') return undefined;
    for (const [start, end] of this.#ranges(mem)) {
      const first = mem[mmuInvalidateRangeStart];
      const last = mem[mmuInvalidateRangeEnd];
      for (const part of gfnRangesOf(mem, this.kvm, start, end)) {
        if (!part.active) continue;
        const [from, to] = policy.rangeUnit === 'gfn' ? [part.start, part.end] : [start, end];
        if (first !== -1 && first <= from && to <= last) continue;
        const hull = first === -1 ? 'no range' : `${first} to ${last}`;
        return finding('countMatches', `${from} to ${to} is in progress, and the hull is ${hull}`);
      }
    }
    return undefined;
  }

  #ranges(mem: Mem): [number, number][] {
    const ranges: [number, number][] = [];
    for (let index = 0; index < RANGES; index++) {
      const at = this.cells + RANGE_AT + 2 * index;
      const end = mem[at + 1];
      if (end !== 0) ranges.push([mem[at], end]);
    }
    return ranges;
  }

  #startReturned(mem: Mem, start: number, end: number): Finding | undefined {
    let at = this.cells + RANGE_AT;
    while (mem[at + 1] !== 0) at += 2;
    if (at >= this.cells + BEGAN_AT) throw new Error(`more than ${RANGES} invalidations at once`);
    mem[at] = start;
    mem[at + 1] = end;
    let found: Finding | undefined;
    for (const part of gfnRangesOf(mem, this.kvm, start, end)) {
      visitLeaves(mem, this.kvm, part, (gfn) => {
        found ??= this.#inWindow(mem, start, end, `an SPTE still maps gfn ${gfn}`);
      });
      if (part.asId !== 0) continue;
      for (const { id } of this.kvm.vcpus) {
        this.#visitTlb(mem, id, (gfn) => {
          if (gfn < part.start || gfn >= part.end) return;
          found ??= this.#stale(mem, id, 0, `its TLB maps gfn ${gfn}, whose page changes`);
        });
      }
    }
    return found ?? this.#covered(mem);
  }

  #removeRange(mem: Mem, start: number, end: number): void {
    for (let at = this.cells + RANGE_AT; at < this.cells + BEGAN_AT; at += 2) {
      if (mem[at + 1] !== end || mem[at] !== start) continue;
      mem[at] = 0;
      mem[at + 1] = 0;
      return;
    }
  }

  #visitTlb(mem: Mem, vcpu: number, visit: (gfn: number, pfn: number) => void): void {
    const { tlb, tlbEntries } = this.kvm.vcpus[vcpu];
    for (let at = tlb; at < tlb + 2 * tlbEntries; at += 2) {
      if (mem[at] !== 0) visit(mem[at] - 1, frameOf(mem[at + 1]));
    }
  }

  /** A vCPU in its guest is wrong now; one outside is wrong if it enters without a flush. */
  #stale(mem: Mem, vcpu: number, debt: number, what: string): Finding | undefined {
    if (mem[this.cells + IN_GUEST_AT + vcpu] !== 0)
      return finding(DEBTS[debt], `vCPU ${vcpu} runs its guest: ${what}`);
    if (mem[this.cells + DEBT_AT + vcpu] === 0) mem[this.cells + DEBT_AT + vcpu] = debt + 1;
    return undefined;
  }

  #wrote(gfn: number, before: number): Finding | undefined {
    if (before !== FROZEN_SPTE) return undefined;
    return finding('frozenUntouched', `the entry of gfn ${gfn} is written while it is frozen`);
  }

  #installed(
    mem: Mem,
    root: number,
    gfn: number,
    before: number,
    spte: number,
    level: number,
  ): Finding | undefined {
    const pfn = frameOf(spte);
    if (isLeaf(before) && frameOf(before) !== pfn) {
      return finding('noDirectRemap', `gfn ${gfn} goes from page ${frameOf(before)} to ${pfn} at once`);
    }
    if (!isPageInUse(mem, this.kvm.mm, pfn)) {
      return finding('noUseAfterFree', `an SPTE maps gfn ${gfn} to ${pfn}, which is no page in use`);
    }
    return this.#mapped(mem, this.kvm.roots[root]?.asId ?? 0, gfn, pagesPerEntry(this.kvm, level), 'an SPTE');
  }

  /** Something maps frames: no invalidation may be between its start and its end for any of them. */
  #mapped(mem: Mem, asId: number, gfn: number, pages: number, what: string): Finding | undefined {
    for (const [start, end] of this.#ranges(mem)) {
      for (const part of gfnRangesOf(mem, this.kvm, start, end)) {
        if (part.asId !== asId || gfn >= part.end || gfn + pages <= part.start) continue;
        const found = this.#inWindow(mem, start, end, `${what} maps gfn ${gfn}`);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** As in model/invariants: a huge SPTE over a huge page of the host that stays as it is may be there. */
  #inWindow(mem: Mem, start: number, end: number, what: string): Finding | undefined {
    const pmd = mem[pmdCell(this.kvm.mm, start)];
    if (end - start < HPAGE_PMD_NR && isHugePmd(pmd) && (pmd & Pte.Present) !== 0) return undefined;
    const first = start - this.kvm.mm.firstPage;
    const last = end - this.kvm.mm.firstPage;
    return finding('noStaleTranslation', `${what} while pages ${first} to ${last} of the process change`);
  }

  #tlbFilled(mem: Mem, vcpu: number, gfn: number, spte: number): Finding | undefined {
    const pfn = frameOf(spte);
    if (!isPageInUse(mem, this.kvm.mm, pfn)) {
      return finding('noUseAfterFree', `vCPU ${vcpu} reaches page ${pfn} at gfn ${gfn}, which is not in use`);
    }
    return this.#mapped(mem, 0, gfn, 1, `the TLB of vCPU ${vcpu}`);
  }

  #pageFreed(mem: Mem, pfn: number): Finding | undefined {
    let found: Finding | undefined;
    const { kvm } = this;
    const spaces = kvm.slots.some(({ asId }) => asId === 1) ? 2 : 1;
    for (let asId = 0; asId < spaces; asId++) {
      visitLeaves(mem, kvm, { asId, start: 0, end: kvm.geometry.gfns, active: true }, (gfn, spte, level) => {
        const frame = frameOf(spte);
        if (pfn < frame || pfn >= frame + pagesPerEntry(kvm, level)) return;
        found ??= finding('noUseAfterFree', `an SPTE maps gfn ${gfn} to page ${pfn}, which is freed`);
      });
    }
    for (const { id, apicAccessPfn } of kvm.vcpus) {
      this.#visitTlb(mem, id, (gfn, frame) => {
        if (frame === pfn)
          found ??= this.#stale(mem, id, 1, `its TLB maps gfn ${gfn} to page ${pfn}, which is freed`);
      });
      if (!kvm.slots.some(({ isPrivate }) => isPrivate) || mem[apicAccessPfn] !== pfn) continue;
      if (mem[this.cells + IN_GUEST_AT + id] === 0) mem[this.cells + APIC_AT + id] = pfn;
      else found ??= finding('noUseAfterFree', `the VMCS of vCPU ${id} names page ${pfn}, which is freed`);
    }
    for (const { index, valid, pfn: cached, lock } of kvm.pfnCaches) {
      if (mem[valid] === 0 || mem[cached] !== pfn || isLocked(mem, lock)) continue;
      found ??= finding('noUseAfterFree', `gfn_to_pfn_cache ${index} holds page ${pfn}, which is freed`);
    }
    return found;
  }

  #apicPage(mem: Mem, vcpu: number, pfn: number): Finding | undefined {
    mem[this.cells + APIC_AT + vcpu] = 0;
    if (mem[this.kvm.vcpus[vcpu].apicAccessPfn] !== pfn || isPageInUse(mem, this.kvm.mm, pfn))
      return undefined;
    return finding('noUseAfterFree', `the VMCS of vCPU ${vcpu} gets page ${pfn}, which is not in use`);
  }

  #pfnCacheFilled(mem: Mem, index: number, pfn: number): Finding | undefined {
    const cache = this.kvm.pfnCaches[index];
    if (mem[cache.valid] === 0 || mem[cache.pfn] !== pfn || isPageInUse(mem, this.kvm.mm, pfn))
      return undefined;
    return finding('noUseAfterFree', `gfn_to_pfn_cache ${index} gets page ${pfn}, which is not in use`);
  }
}

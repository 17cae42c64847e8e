'use coroutines';
/**
 * The processor in guest mode: TLB, page walk, and the exits that they lead to.
 *
 * The TLB belongs to the vCPU that runs, so looking into it is no operation; what it holds may be stale,
 * and that is the point. Page tables are shared and read entry by entry.
 */
import { Cost } from '../costs.js';
import type { Kvm, Vcpu } from '../kvm.js';
import { Order, type Step, type Thread } from '../operations.js';
import { faultOf } from '../page-fault-struct.js';
import { entryIndex, pagesPerEntry, tableCell } from '../page-tables.js';
import { frameOf, isLeaf, isPresent, makeEntry, Spte } from '../spte.js';
import { Tracepoint } from '../tracepoints.js';
import { gfnAt, writesAt, type GuestProgram } from './program.js';

/** Why the guest exited. */
export const ExitReason = { PageFault: 0, Interrupt: 1, Done: 2 } as const;

/** Accesses that are planned at once. An interrupt takes back those that were not done. */
const BATCH = 128;

/**
 * Runs the guest until it must exit. For a page fault, gfn, write and present of the vCPU's PageFault say
 * which.
 *
 * @returns a value of ExitReason
 */
export function* guestExecute(t: Thread, vcpu: Vcpu, program: GuestProgram): Step<number> {
  for (;;) {
    // Counts on past 2^31, as far as a cell can.
    const position = t.mem[vcpu.position] >>> 0;
    if (program.accesses > 0 && position >= program.accesses) return ExitReason.Done;
    const hits = countHits(t.mem, vcpu, program, position);
    if (hits > 0) {
      const done = yield* t.guestTouches(hits, program.workNs);
      if (done > 0) {
        t.mem[vcpu.position] += done;
        const covered = countCovered(program, position, done);
        t.emit(Tracepoint.probeTouch, vcpu.id, done, covered, done * program.workNs);
      }
    } else {
      const gfn = gfnAt(program, position);
      const write = writesAt(program, position);
      const spte = yield* hardwareWalk(t, vcpu, gfn, write);
      if (!allows(spte, write)) {
        const fault = faultOf(t, vcpu);
        fault.gfn = gfn;
        fault.write = write;
        fault.present = isPresent(spte) ? 1 : 0;
        return ExitReason.PageFault;
      }
    }
    if (yield* t.guestInterrupted()) return ExitReason.Interrupt;
  }
}

/** How many accesses from `position` on hit the TLB, as it is now. */
function countHits(mem: Int32Array, vcpu: Vcpu, program: GuestProgram, position: number): number {
  const mask = vcpu.tlbEntries - 1;
  const most = program.accesses > 0 ? Math.min(BATCH, program.accesses - position) : BATCH;
  let hits = 0;
  while (hits < most) {
    const gfn = gfnAt(program, position + hits);
    const entry = vcpu.tlb + (gfn & mask) * 2;
    if (mem[entry] !== gfn + 1) break;
    // Most entries allow writes: no need to know whether this is one.
    if (!allows(mem[entry + 1], 1) && !allows(mem[entry + 1], writesAt(program, position + hits))) break;
    hits++;
  }
  return hits;
}

function countCovered(program: GuestProgram, position: number, done: number): number {
  let covered = 0;
  for (let index = position; index < position + done; index++)
    covered += program.covered[gfnAt(program, index)];
  return covered;
}

/** Whether an entry of the TLB, or the one that a walk ended at, lets the access happen. */
function allows(spte: number, write: number): boolean {
  return (
    isLeaf(spte) && (write === 0 || (spte & (Spte.Writable | Spte.Dirty)) === (Spte.Writable | Spte.Dirty))
  );
}

/**
 * The page walk of the processor: reads each level, sets accessed and dirty bits in the last, and fills the
 * TLB.
 *
 * @returns the entry that it ended at; when that does not allow the access, the guest exits
 */
function* hardwareWalk(t: Thread, vcpu: Vcpu, gfn: number, write: number): Step<number> {
  const { kvm } = vcpu;
  yield* t.spend(Cost.guestMiss, 1);
  yield* t.spend(Cost.hardwareWalkStep, kvm.geometry.levels);
  for (;;) {
    let table = t.mem[kvm.roots[t.mem[vcpu.root] - 1].table];
    let level = kvm.geometry.levels;
    let sptep = tableCell(kvm, table) + entryIndex(kvm, gfn, level);
    let spte = yield* t.load(sptep);
    while (isPresent(spte) && !isLeaf(spte) && level > 1) {
      table = frameOf(spte);
      level -= 1;
      sptep = tableCell(kvm, table) + entryIndex(kvm, gfn, level);
      spte = yield* t.load(sptep);
    }
    if (!isLeaf(spte) || (write !== 0 && (spte & Spte.Writable) === 0)) return spte;
    const wanted = spte | Spte.Accessed | (write === 0 ? 0 : Spte.Dirty);
    if (wanted === spte || (yield* t.cmpxchg(sptep, spte, wanted, Order.Full)) === spte) {
      return fillTlb(t, kvm, vcpu, gfn, wanted, level);
    }
  }
}

/** Puts a translation of 4 KiB into the TLB, whatever the size of the page. Returns the entry. */
function fillTlb(t: Thread, kvm: Kvm, vcpu: Vcpu, gfn: number, spte: number, level: number): number {
  const frame = frameOf(spte) + (gfn & (pagesPerEntry(kvm, level) - 1));
  const entry = makeEntry(frame, spte & 0xff);
  const at = vcpu.tlb + (gfn & (vcpu.tlbEntries - 1)) * 2;
  t.mem[at] = gfn + 1;
  t.mem[at + 1] = entry;
  t.emit(Tracepoint.probeTlbFill, vcpu.id, gfn, entry);
  return entry;
}

/** The vCPU's TLB is emptied (INVEPT, a new ASID). */
export function flushGuestTlb(t: Thread, vcpu: Vcpu): void {
  t.mem.fill(0, vcpu.tlb, vcpu.tlb + vcpu.tlbEntries * 2);
  t.emit(Tracepoint.probeTlbFlushed, vcpu.id);
}

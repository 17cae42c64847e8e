/**
 * A small machine whose memory and events a test writes by hand, and the invariants that watch it.
 */
import { Invariants } from '../invariants.js';
import type { InvariantName } from '../invariants/names.js';
import { VcpuMode } from '../kvm.js';
import { buildMachine, type Machine, type MachineConfig } from '../machine.js';
import { entryIndex, tableCell } from '../page-tables.js';
import type { PolicyChange } from '../policies.js';
import { resolvePolicy } from '../resolve-policy.js';
import { frameOf, makeEntry, NONPRESENT_SPTE, Spte } from '../spte.js';
import { Tracepoint as T } from '../tracepoints.js';

/**
 * A leaf that allows everything.
 * @internal for tests
 */
export const LEAF = Spte.Present | Spte.Leaf | Spte.Writable | Spte.Accessed | Spte.Dirty;

/**
 * Eight populated pages, two levels of three bits, one root; and who watches.
 * @internal for tests
 */
export class WatchedMachine {
  readonly machine: Machine;
  readonly mem: Int32Array;
  readonly invariants: Invariants;
  readonly first: number;

  constructor(change: PolicyChange = {}, more: Partial<MachineConfig> = {}) {
    const policy = resolvePolicy('v7.3', Object.fromEntries(Object.entries(change)));
    this.machine = buildMachine({
      policy,
      vcpus: 2,
      slots: [{ pages: 8 }],
      geometry: { bits: 3, levels: 2 },
      tlbEntries: 8,
      populated: { huge: false, nodeOf: () => 0 },
      ...more,
    });
    this.mem = this.machine.memory.cells;
    this.first = this.machine.mm.firstPage;
    this.invariants = new Invariants(this.machine.kvm);
    const { kvm } = this.machine;
    // Root 0 is table 1; its only entry points to table 2.
    this.mem[kvm.tables.free] = 0;
    this.mem.fill(0, tableCell(kvm, 1), tableCell(kvm, 3));
    this.mem[kvm.roots[0].table] = 1;
    this.mem[kvm.roots[0].refcount] = 2;
    this.mem[tableCell(kvm, 1)] = makeEntry(2, Spte.Present | Spte.Writable);
  }

  emit(point: T, ...values: number[]): void {
    this.emitBy(1, point, ...values);
  }

  emitBy(tid: number, point: T, ...values: number[]): void {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = values;
    this.invariants.onEmit(tid, point, a, b, c, d, e, f, this.mem);
  }

  /** Page of the host that gfn's page is. */
  pfnOf(gfn: number): number {
    return frameOf(this.mem[this.machine.mm.ptes + gfn]);
  }

  sptep(gfn: number): number {
    return tableCell(this.machine.kvm, 2) + entryIndex(this.machine.kvm, gfn, 1);
  }

  /** A fault maps a gfn. */
  map(gfn: number, pfn = this.pfnOf(gfn)): void {
    const before = this.mem[this.sptep(gfn)];
    const spte = makeEntry(pfn, LEAF);
    this.mem[this.sptep(gfn)] = spte;
    this.emit(T.probeSpteInstalled, 0, gfn, before, spte, 1);
  }

  zap(gfn: number): void {
    const before = this.mem[this.sptep(gfn)];
    this.mem[this.sptep(gfn)] = NONPRESENT_SPTE;
    this.emit(T.probeSpteZapped, 0, gfn, before, 1);
  }

  enter(vcpu: number): void {
    this.mem[this.machine.kvm.vcpus[vcpu].mode] = VcpuMode.InGuest;
    this.emitBy(10 + vcpu, T.kvmEntry, vcpu);
  }

  leave(vcpu: number): void {
    this.mem[this.machine.kvm.vcpus[vcpu].mode] = VcpuMode.OutsideGuest;
    this.emitBy(10 + vcpu, T.kvmExit, vcpu);
  }

  touch(vcpu: number, gfn: number): void {
    const { tlb, tlbEntries } = this.machine.kvm.vcpus[vcpu];
    const spte = this.mem[this.sptep(gfn)];
    const at = tlb + (gfn & (tlbEntries - 1)) * 2;
    this.mem[at] = gfn + 1;
    this.mem[at + 1] = spte;
    this.emitBy(10 + vcpu, T.probeTlbFill, vcpu, gfn, spte);
  }

  flush(vcpu: number): void {
    const { tlb, tlbEntries } = this.machine.kvm.vcpus[vcpu];
    this.mem.fill(0, tlb, tlb + 2 * tlbEntries);
    this.emitBy(10 + vcpu, T.probeTlbFlushed, vcpu);
  }

  /** range_start() takes the lock, announces, and so on; what it zaps is the test's affair. */
  begin(from: number, to: number): void {
    const { kvm } = this.machine;
    const { mmuInvalidateInProgress: count, mmuInvalidateRangeStart, mmuInvalidateRangeEnd } = kvm;
    const first = ++this.mem[count] === 1;
    const { mem } = this;
    mem[mmuInvalidateRangeStart] = first ? from : Math.min(mem[mmuInvalidateRangeStart], from);
    mem[mmuInvalidateRangeEnd] = first ? to : Math.max(mem[mmuInvalidateRangeEnd], to);
    this.emit(T.invalidateBegin, this.first + from, this.first + to, mem[count], 0);
  }

  started(from: number, to: number): void {
    this.emit(T.probeStartReturned, this.first + from, this.first + to, 1);
  }

  end(from: number, to: number): void {
    const count = this.machine.kvm.mmuInvalidateInProgress;
    this.emit(T.probeEndEntered, this.first + from, this.first + to);
    this.mem[count]--;
    this.emit(T.invalidateEnd, this.first + from, this.first + to, 0, this.mem[count]);
  }

  /** The host frees a page. */
  free(pfn: number): void {
    this.mem[this.machine.mm.refcounts + pfn] = 0;
    this.emit(T.probePageFreed, pfn);
  }

  get names(): InvariantName[] {
    return this.invariants.violations.map(({ name }) => name);
  }

  get messages(): string {
    return this.invariants.violations.map(({ message }) => message).join('\n');
  }
}

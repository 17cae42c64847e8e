/**
 * The invariants of the protocol, watched while threads run: fed with everything that they emit, in the
 * order in which it happens. Work per event is constant, except where an invalidation's range or a whole
 * machine is looked through.
 */
import { ActiveRanges } from './invariants/active-ranges.js';
import { Blocking, Count, Frozen, References } from './invariants/protocol-state.js';
import { Translations } from './invariants/translations.js';
import { Violations, type Violation } from './invariants/violations.js';
import type { Kvm } from './kvm.js';
import { Tracepoint } from './tracepoints.js';

export type { Violation } from './invariants/violations.js';

export class Invariants {
  readonly #kvm: Kvm;
  readonly #violations = new Violations();
  readonly #ranges: ActiveRanges;
  readonly #translations: Translations;
  readonly #count: Count;
  readonly #frozen: Frozen;
  readonly #blocking: Blocking;
  readonly #references: References;

  constructor(kvm: Kvm) {
    this.#kvm = kvm;
    this.#ranges = new ActiveRanges(kvm);
    this.#translations = new Translations(kvm, this.#ranges, this.#violations);
    this.#count = new Count(kvm, this.#ranges, this.#violations);
    this.#frozen = new Frozen(kvm, this.#violations);
    this.#blocking = new Blocking(this.#violations);
    this.#references = new References(this.#violations);
  }

  /** The first hundred violations, in order. */
  get violations(): readonly Violation[] {
    return this.#violations.list;
  }

  /** How many there were. */
  get violationCount(): number {
    return this.#violations.total;
  }

  /** A thread emits a tracepoint or probe; arguments that it left out are 0. `mem` is memory as it is now. */
  onEmit(
    tid: number,
    point: Tracepoint,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    _f: number,
    mem: Int32Array,
  ): void {
    this.#violations.event++;
    switch (point) {
      case Tracepoint.probeTlbFill:
        return this.#translations.tlbFilled(mem, a, b, c);
      case Tracepoint.probeSpteInstalled:
        this.#frozen.wrote(b, c);
        return this.#translations.installed(mem, a, b, c, d, e);
      case Tracepoint.probeTableLinked:
        return this.#frozen.wrote(b, c);
      case Tracepoint.fastPageFault:
        return this.#translations.fixedFast(mem, b, e);
      case Tracepoint.probeTlbFlushed:
        return this.#translations.tlbFlushed(a);
      case Tracepoint.kvmEntry:
        return this.#translations.entered(mem, a);
      case Tracepoint.kvmExit:
        return this.#translations.exited(a);
      case Tracepoint.probePageFreed:
        return this.#translations.pageFreed(mem, a);
      case Tracepoint.probeApicPage:
        return this.#translations.apicPageWritten(mem, a, b);
      case Tracepoint.probePfnCache:
        return this.#translations.pfnCacheFilled(mem, a, b);
      default:
        return this.#onProtocolEvent(tid, point, a, b, c, d, mem);
    }
  }

  #onProtocolEvent(
    tid: number,
    point: Tracepoint,
    a: number,
    b: number,
    c: number,
    d: number,
    mem: Int32Array,
  ): void {
    switch (point) {
      case Tracepoint.probeStartEntered:
        return this.#blocking.startEntered(tid, c);
      case Tracepoint.probeStartReturned:
        this.#blocking.startReturned(tid);
        if (c === 0) return;
        this.#translations.startReturned(mem, this.#ranges.add(mem, a, b));
        return this.#count.expectCovered(mem);
      case Tracepoint.probeEndEntered:
        return this.#ranges.remove(a, b);
      case Tracepoint.invalidateBegin:
        return this.#count.began(mem, c);
      case Tracepoint.invalidateEnd:
        // Unlike begin, it has the sequence before the count.
        return this.#count.ended(mem, d);
      case Tracepoint.yield:
        return this.#blocking.gaveWay(tid, 'yields mmu_lock');
      case Tracepoint.probeUnlock:
        if (b !== 0)
          this.#violations.add('flushedBeforeUnlock', `thread ${tid} drops mmu_lock and owes a flush`);
        return undefined;
      case Tracepoint.probeFrozen:
        return b !== 0 ? this.#frozen.froze(a) : this.#frozen.thaws(mem, a);
      case Tracepoint.probeFaultRef:
        return this.#references.changed(tid, a, b);
      case Tracepoint.probeFaultEnd:
        return this.#references.faultEnded(tid, b);
      default:
        return undefined;
    }
  }

  /** A thread sleeps, or gives its CPU away. On PREEMPT_RT it may: mmu_lock is a sleeping lock there. */
  onSleep(tid: number): void {
    if (this.#kvm.policy.lock !== 'rt') this.#blocking.gaveWay(tid, 'sleeps');
  }

  /** Looks at the whole of memory, between two steps of the threads. Finds what no event tells. */
  check(mem: Int32Array): void {
    this.#translations.scan(mem);
    this.#count.scan(mem);
    this.#frozen.scan(mem);
  }
}

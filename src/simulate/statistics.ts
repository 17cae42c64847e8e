/**
 * Counts and measures a run while it goes on: constant time and no allocation for each event.
 *
 * The model knows no time, so what its events say of durations is filled in here: `waitedNs`, `heldNs` and
 * `useful` are those of the latest emit, for whoever writes the trace.
 */
import type { RwLock } from '../model/kvm.js';
import { Tracepoint } from '../model/tracepoints.js';
import { Histogram } from './histogram.js';
import type { Observer, ThreadInfo } from './observer.js';
import type { FlushResult, RunSummary, SimulationResult } from './result.js';
import { FaultStatistics } from './statistics-faults.js';
import { GuestStatistics } from './statistics-guest.js';
import { InvalidationStatistics } from './statistics-invalidations.js';
import { LockStatistics, Usefulness } from './statistics-locks.js';

/** Users of mmu_lock that are no storm: their places in `users`. */
const User = { Fault: 0, GuestEntry: 1, NumaBalancing: 2, OwnFault: 3, Aging: 4 } as const;
const USERS: readonly string[] = ['fault', 'guest-entry', 'numa-balancing', 'own-fault', 'aging'];

/** End of a range that has none. */
const WHOLE_ADDRESS_SPACE = 0x7fffffff;

export interface StatisticsOptions {
  /** All threads of the machine; `index` is the place in this list. */
  readonly threads: readonly ThreadInfo[];
  readonly vcpus: number;
  readonly mmuLock: Pick<RwLock, 'address'> & { readonly waitLock: Pick<RwLock, 'address'> };
  /** 1 for each guest frame in the range of a storm; frames beyond its end are in none. */
  readonly covered: Uint8Array;
}

/** What is handled below. */
const POINTS = [
  Tracepoint.probeFaultBegin,
  Tracepoint.kvmExit,
  Tracepoint.probeFaultEnd,
  Tracepoint.faultRetry,
  Tracepoint.lockAcquired,
  Tracepoint.lockReleased,
  Tracepoint.contentionBegin,
  Tracepoint.probeLockSpin,
  Tracepoint.probeSpteInstalled,
  Tracepoint.probeTouch,
  Tracepoint.kvmUnmapHvaRange,
  Tracepoint.invalidateBegin,
  Tracepoint.probeStartReturned,
  Tracepoint.probeEndEntered,
  Tracepoint.invalidateEnd,
  Tracepoint.yield,
  Tracepoint.remoteFlush,
  Tracepoint.kvmAgeHva,
  Tracepoint.kvmTestAgeHva,
] as const;

export class Statistics implements Observer {
  readonly points = POINTS;
  /** Of the latest emit: how long lock_acquired waited, remote_flush waited; ns. */
  waitedNs = 0;
  /** Of the latest emit: how long the lock that lock_released gives back was held, ns. */
  heldNs = 0;
  /** Of the latest emit: what a yield was good for, a value of Usefulness. */
  useful: number = Usefulness.Unknown;

  readonly #guest: GuestStatistics;
  readonly #faults: FaultStatistics;
  readonly #locks: LockStatistics;
  readonly #invalidations: InvalidationStatistics;

  readonly #lockAddress: number;
  readonly #queueAddress: number;
  /** Of each thread: its place in `users` when no vCPU, and whether it ages pages. */
  readonly #agent: Uint8Array;
  readonly #isAging: Uint8Array;
  /** How long the latest interrupts of each thread took to be answered. */
  readonly #interruptNs: Float64Array;

  readonly #flushWait = new Histogram();
  #flushes = 0;
  #flushRequests = 0;
  #flushIpis = 0;
  #allIpis = 0;

  #counted = true;
  #countedSince = 0;
  #countedNs = 0;

  constructor({ threads, vcpus, mmuLock, covered }: StatisticsOptions) {
    const agents = [...new Set(threads.map(({ agent }) => agent))].filter((agent) => agent !== '');
    const users = [...USERS, ...agents.filter((agent) => !USERS.includes(agent)), 'other'];
    const other = users.length - 1;
    this.#lockAddress = mmuLock.address;
    this.#queueAddress = mmuLock.waitLock.address;
    this.#agent = Uint8Array.from(threads, ({ agent }) => (agent === '' ? other : users.indexOf(agent)));
    this.#isAging = new Uint8Array(threads.length);
    this.#interruptNs = new Float64Array(threads.length);
    this.#guest = new GuestStatistics(vcpus);
    this.#faults = new FaultStatistics(vcpus, covered);
    this.#locks = new LockStatistics(threads.length, users);
    this.#invalidations = new InvalidationStatistics(threads.length, users);
  }

  onEmit(
    now: number,
    thread: ThreadInfo,
    point: Tracepoint,
    a: number,
    b: number,
    c: number,
    d: number,
  ): void {
    // The most frequent first.
    switch (point) {
      case Tracepoint.probeFaultBegin:
        this.#isAging[thread.index] = 0;
        return this.#faults.began(now, a, b, this.#counted);
      case Tracepoint.kvmExit:
        return this.#faults.exited(now, a);
      case Tracepoint.probeFaultEnd:
        return this.#faults.ended(a, c, this.#counted);
      case Tracepoint.faultRetry:
        return this.#faults.retried(d, this.#counted);
      case Tracepoint.lockAcquired:
        if (a === this.#lockAddress) this.#acquired(now, thread, b);
        return;
      case Tracepoint.lockReleased:
        if (a === this.#lockAddress) this.#released(now, thread.index, b);
        return;
      case Tracepoint.contentionBegin:
      case Tracepoint.probeLockSpin:
        if (a === this.#lockAddress || a === this.#queueAddress) this.#locks.waits(now, thread.index);
        return;
      case Tracepoint.probeSpteInstalled:
        return this.#locks.installed(thread.index);
      case Tracepoint.probeTouch:
        return this.#touched(now - d, now, a, b, c);
      default:
        this.#onRareEmit(now, thread, point, a, b);
    }
  }

  #onRareEmit(now: number, thread: ThreadInfo, point: Tracepoint, a: number, b: number): void {
    const { index } = thread;
    switch (point) {
      case Tracepoint.kvmUnmapHvaRange:
        this.#isAging[index] = 0;
        return this.#invalidations.started(
          now,
          index,
          this.#invalidator(thread),
          pagesOf(a, b),
          this.#counted,
        );
      case Tracepoint.invalidateBegin:
        return this.#invalidations.begun(now, index, this.#invalidator(thread), pagesOf(a, b), this.#counted);
      case Tracepoint.probeStartReturned:
        return this.#invalidations.returned(now, index, this.#counted);
      case Tracepoint.probeEndEntered:
        return this.#invalidations.ending(index);
      case Tracepoint.invalidateEnd:
        return this.#invalidations.ended(now, index, this.#counted);
      case Tracepoint.yield:
        this.useful = this.#locks.yielded(index, this.#counted);
        return;
      case Tracepoint.remoteFlush:
        return this.#flushed(index, a, b);
      case Tracepoint.kvmAgeHva:
      case Tracepoint.kvmTestAgeHva:
        this.#isAging[index] = 1;
        return;
      default:
    }
  }

  onInterrupts(_now: number, thread: ThreadInfo, cpus: number, waitedNs: number): void {
    if (this.#counted) this.#allIpis += cpus;
    this.#interruptNs[thread.index] += waitedNs;
  }

  onThreadEnd(now: number, thread: ThreadInfo): void {
    if (thread.vcpu < 0) return;
    this.#faults.succeeded(now, thread.vcpu, false);
    this.#guest.ended(now, thread.vcpu, this.#counted);
  }

  onPhase(now: number, counted: boolean): void {
    this.#closePhase(now);
    this.#counted = counted;
    this.#countedSince = now;
    if (counted) this.#guest.countFrom(now);
  }

  /** What was found until the end of the run. */
  result(run: RunSummary): SimulationResult {
    const end = run.simulatedNs;
    this.#closePhase(end);
    this.#countedSince = end;
    return {
      version: 1,
      run,
      guest: this.#guest.result(this.#countedNs, end, (vcpu) => this.#faults.ofVcpu(vcpu)),
      faults: this.#faults.result(end),
      invalidations: this.#invalidations.result(),
      mmuLock: this.#locks.result(),
      yields: this.#locks.yieldResult(),
      flushes: this.#flushResult(),
    };
  }

  #closePhase(now: number): void {
    if (!this.#counted) return;
    this.#countedNs += now - this.#countedSince;
    this.#guest.countUntil(now);
  }

  #touched(since: number, now: number, vcpu: number, count: number, covered: number): void {
    this.#guest.touched(since, now, vcpu, count, covered, this.#counted);
    this.#faults.succeeded(since, vcpu, this.#counted);
  }

  #acquired(now: number, thread: ThreadInfo, mode: number): void {
    this.waitedNs = this.#locks.acquired(now, thread.index, this.#userOf(thread), mode, this.#counted);
  }

  #released(now: number, thread: number, mode: number): void {
    this.heldNs = this.#locks.released(now, thread, mode, this.#counted);
    this.#invalidations.held(thread, this.heldNs, this.#counted);
  }

  #flushed(thread: number, requests: number, ipis: number): void {
    this.waitedNs = this.#interruptNs[thread];
    this.#interruptNs[thread] = 0;
    if (!this.#counted) return;
    this.#flushes++;
    this.#flushRequests += requests;
    this.#flushIpis += ipis;
    this.#flushWait.record(this.waitedNs);
  }

  /** Whose an invalidation of the thread is. */
  #invalidator({ index, vcpu }: ThreadInfo): number {
    if (vcpu < 0) return this.#agent[index];
    return this.#faults.isInFault(vcpu) ? User.OwnFault : User.NumaBalancing;
  }

  /** What the thread wants mmu_lock for. */
  #userOf({ index, vcpu }: ThreadInfo): number {
    if (this.#invalidations.isInside(index)) return this.#invalidations.agentOf(index);
    if (this.#isAging[index] !== 0) return User.Aging;
    if (vcpu < 0) return this.#agent[index];
    return this.#faults.isInFault(vcpu) ? User.Fault : User.GuestEntry;
  }

  #flushResult(): FlushResult {
    return {
      count: this.#flushes,
      requests: this.#flushRequests,
      ipis: this.#flushIpis,
      wait: this.#flushWait.distribution(),
      allIpis: this.#allIpis,
    };
  }
}

/** Pages of a range; none of one that is the whole address space, which would drown the others. */
function pagesOf(start: number, end: number): number {
  return end === WHOLE_ADDRESS_SPACE ? 0 : end - start;
}

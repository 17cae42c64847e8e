/**
 * Yields: times that a zapper let go of mmu_lock in the middle of its range.
 *
 * Exact where a return probe on __cond_resched_rwlock_write/read (value 1: dropped) or faultline:yield was
 * recorded. Otherwise inferred from two zapped leaves of one invalidation between which the lock changed
 * hands: the zapper itself waited for it again, or somebody else's wait for it ended. A yield to nobody, or
 * over empty entries, stays unseen.
 */
import type { Trace } from '../trace/store/trace.js';
import type { Invalidations } from './invalidations.js';
import { kindsMatching, lowBitsOf, NONE, numbersOf, rolesOf } from './tables.js';
import type { Threads } from './threads.js';
import type { Waits } from './waits.js';

export interface Yields {
  readonly source: 'exact' | 'inferred' | 'none';
  /** Per invalidation. */
  readonly count: Uint32Array;
  /** ns from one zapped leaf to another without a yield between, the longest such stretch. */
  readonly heldNs: Float64Array;
  /** Time at which that stretch began. */
  readonly heldFrom: Float64Array;
  /** Per wait: the invalidation in whose yield it got the lock; NONE otherwise. */
  readonly handoverOf: Uint32Array;
  /** Exact yields outside any invalidation (memslot deletion, dirty logging). */
  readonly outside: number;
}

const Role = { start: 1, change: 2, contentionEnd: 3, exact: 4 } as const;
/** SPTE_MMU_PRESENT_MASK. */
const PRESENT = 0x800;

export function yieldsOf(
  trace: Trace,
  threads: Threads,
  invalidations: Invalidations,
  waits: Waits,
  lockOfThread: Uint32Array,
): Yields {
  return new YieldPass(trace, threads, invalidations, waits, lockOfThread).run();
}

class YieldPass {
  readonly #count: Uint32Array;
  readonly #heldNs: Float64Array;
  readonly #heldFrom: Float64Array;
  readonly #handoverOf: Uint32Array;
  /**
   * Per thread: its invalidation, last zap (event), start of the stretch (time), own waits since the last
   * zap.
   */
  readonly #current: Uint32Array;
  readonly #lastZap: Uint32Array;
  readonly #stretch: Float64Array;
  readonly #own: Uint32Array;
  /** Waits of others that ended since the last zap, by zapping thread. */
  readonly #pending = new Map<number, number[]>();
  readonly #returned = new Map<number, ArrayLike<number>>();
  readonly #old;
  readonly #next;
  #isExact = false;
  #outside = 0;
  #matched = 0;

  constructor(
    readonly trace: Trace,
    readonly threads: Threads,
    readonly invalidations: Invalidations,
    readonly waits: Waits,
    readonly lockOfThread: Uint32Array,
  ) {
    this.#count = new Uint32Array(invalidations.count);
    this.#heldNs = new Float64Array(invalidations.count);
    this.#heldFrom = new Float64Array(invalidations.count);
    this.#handoverOf = new Uint32Array(waits.count).fill(NONE);
    this.#current = new Uint32Array(threads.count).fill(NONE);
    this.#lastZap = new Uint32Array(threads.count).fill(NONE);
    this.#stretch = new Float64Array(threads.count);
    this.#own = new Uint32Array(threads.count);
    this.#old = lowBitsOf(trace.named('kvm_tdp_mmu_spte_changed')?.column('old_spte'));
    this.#next = lowBitsOf(trace.named('kvm_tdp_mmu_spte_changed')?.column('new_spte'));
  }

  run(): Yields {
    const roles = this.#roles();
    const { kind, task, row } = this.trace;
    const { ofTask } = this.threads;
    let started = 0;
    for (let event = 0; event < kind.length; event++) {
      const role = roles[kind[event]];
      if (role === 0) continue;
      const thread = ofTask[task[event]];
      if (role === Role.start) this.#start(thread, started++);
      else if (role === Role.change) this.#change(event, thread, row[event]);
      else if (role === Role.contentionEnd) this.#contentionEnd(event, thread);
      else this.#exact(event, thread, kind[event], row[event]);
    }
    const seesZaps = this.#next !== undefined && this.invalidations.count > 0;
    const canInfer = seesZaps && this.lockOfThread.some((lock) => lock !== NONE);
    return {
      source: this.#isExact ? 'exact' : canInfer ? 'inferred' : 'none',
      count: this.#count,
      heldNs: this.#heldNs,
      heldFrom: this.#heldFrom,
      handoverOf: this.#handoverOf,
      outside: this.#outside,
    };
  }

  #roles(): Uint8Array {
    const roles = rolesOf(this.trace, {
      kvm_unmap_hva_range: Role.start,
      kvm_tdp_mmu_spte_changed: Role.change,
      contention_end: Role.contentionEnd,
      'faultline:yield': Role.exact,
    });
    for (const probe of kindsMatching(this.trace, /cond_resched_rwlock/)) {
      // Without the return value a probe tells only that the function was called.
      const value = ['ret', 'retval', 'ret_val', 'arg1'].map((name) => probe.column(name)).find(Boolean);
      const id = this.trace.kinds.indexOf(probe);
      if (!value) continue;
      roles[id] = Role.exact;
      this.#returned.set(id, numbersOf(value) ?? []);
    }
    this.#isExact = this.trace.kinds.some((kind, id) => kind.length > 0 && roles[id] === Role.exact);
    return roles;
  }

  #start(thread: number, invalidation: number): void {
    this.#current[thread] = invalidation;
    this.#lastZap[thread] = NONE;
    this.#own[thread] = 0;
    if (this.#pending.size > 0) this.#pending.delete(thread);
  }

  #change(event: number, thread: number, row: number): void {
    const invalidation = this.#current[thread];
    if (invalidation === NONE || event >= this.invalidations.endEvent[invalidation]) return;
    if (!this.#next || !this.#old || this.#next[row] & PRESENT || !(this.#old[row] & PRESENT)) return;
    const time = this.trace.time[event];
    if (this.#lastZap[thread] === NONE) {
      this.#stretch[thread] = time;
      this.#pending.set(thread, []);
    } else {
      this.#sinceLastZap(thread, invalidation, time);
    }
    const held = time - this.#stretch[thread];
    if (held > this.#heldNs[invalidation]) {
      this.#heldNs[invalidation] = held;
      this.#heldFrom[invalidation] = this.#stretch[thread];
    }
    this.#lastZap[thread] = event;
    this.#own[thread] = 0;
  }

  /** Did the lock change hands since the last zap? */
  #sinceLastZap(thread: number, invalidation: number, time: number): void {
    const pending = this.#pending.get(thread) ?? [];
    if (this.#own[thread] === 0 && pending.length === 0) return;
    if (!this.#isExact) this.#count[invalidation] += Math.max(1, this.#own[thread]);
    for (const wait of pending) this.#handoverOf[wait] = invalidation;
    pending.length = 0;
    this.#stretch[thread] = time;
  }

  #contentionEnd(event: number, thread: number): void {
    const { waits } = this;
    const wait = waits.endOrder[this.#matched];
    if (wait === undefined || waits.endEvent[wait] !== event) return;
    this.#matched++;
    const lock = waits.lock[wait];
    for (const [zapper, pending] of this.#pending) {
      const invalidation = this.#current[zapper];
      if (event >= this.invalidations.endEvent[invalidation]) {
        this.#pending.delete(zapper);
      } else if (this.lockOfThread[zapper] === lock) {
        // A zapper holds the lock for write at every leaf: whoever gets it between two leaves got it in a
        // yield.
        if (zapper !== thread) pending.push(wait);
        else if (waits.beginEvent[wait] > this.#lastZap[zapper]) this.#own[zapper]++;
      }
    }
  }

  #exact(event: number, thread: number, kind: number, row: number): void {
    const returned = this.#returned.get(kind);
    if (returned && !returned[row]) return;
    const invalidation = this.#current[thread];
    if (invalidation === NONE || event >= this.invalidations.endEvent[invalidation]) this.#outside++;
    else this.#count[invalidation]++;
  }
}

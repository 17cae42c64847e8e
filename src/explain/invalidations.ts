/**
 * Invalidations: one row per kvm_unmap_hva_range, with the leaves zapped and flushes sent until its end.
 *
 * The kernel has no event for the end. It lies between two events of the same task: the last that belongs to
 * the invalidation (a zapped leaf, a flush, mmu_lock taken for write) and the first that cannot (the vCPU
 * enters its guest, KSM reports the merge, the next invalidation starts). Both are kept.
 */
import type { Trace } from '../trace/store/trace.js';
import { NONE, kindsMatching, lowBitsOf, numbersOf, pagesOf, rolesOf, type NumberColumn } from './tables.js';
import type { Threads } from './threads.js';

/** One row per invalidation, in order of their start. */
export interface Invalidations {
  readonly count: number;
  readonly thread: Uint32Array;
  readonly startEvent: Uint32Array;
  /** Last event that belongs to it for certain. */
  readonly lastEvent: Uint32Array;
  /** First event of the task that cannot belong to it; NONE when the trace ends first. */
  readonly endEvent: Uint32Array;
  /** The end was recorded (faultline:invalidate_end, or a probe), not inferred. */
  readonly exactEnd: Uint8Array;
  /** Host virtual pages, end excluded. */
  readonly pageStart: Float64Array;
  readonly pageEnd: Float64Array;
  readonly leaves: Uint32Array;
  /** Lowest and highest + 1 guest frame zapped as a 4 KiB leaf; -1 when there was none. */
  readonly gfnMin: Float64Array;
  readonly gfnMax: Float64Array;
  readonly hostFlushes: Uint32Array;
  readonly guestFlushes: Uint32Array;
  /** What recorded the flushes of guest translations. */
  readonly guestFlushSource: 'kprobe' | 'ipi' | 'none';
}

const Role = {
  start: 1,
  change: 2,
  hostFlush: 3,
  guestFlush: 4,
  lock: 5,
  lockEnd: 6,
  unrelated: 7,
  switch: 8,
  end: 9,
} as const;

const ROLES = {
  kvm_unmap_hva_range: Role.start,
  kvm_tdp_mmu_spte_changed: Role.change,
  tlb_flush: Role.hostFlush,
  contention_begin: Role.lock,
  contention_end: Role.lockEnd,
  sched_switch: Role.switch,
  'faultline:invalidate_end': Role.end,
  // A probe where the kernel enters it: the end is inside, and nothing of the task lies between.
  kvm_mmu_notifier_invalidate_range_end: Role.end,
} as const;

/**
 * Events of a task that lie outside any invalidation of it. Interrupt and wake-up events may lie anywhere.
 */
const UNRELATED = new RegExp(
  [
    '^(kvm_(entry|exit|page_fault|mmu_spte_requested|mmu_set_spte|mmu_pagetable_walk|userspace_exit|age_\\w+',
    'test_age_hva|fpu|emulate_insn|pio|mmio|halt_poll_ns|vcpu_wakeup)|ksm_\\w+|mm_migrate_pages',
    'mm_collapse_\\w+|mm_khugepaged_\\w+|sys_(enter|exit)\\w*|sched_process_\\w+',
    'mm_vmscan_\\w+_(begin|end))$',
  ].join('|'),
);

/** TLB_REMOTE_SEND_IPI of enum tlb_flush_reason; 3 (local mm shoot-down) is the sender's own part. */
const REMOTE_SEND_IPI = 4;
/** SPTE_MMU_PRESENT_MASK. */
const PRESENT = 0x800;
/** PT_PAGE_SIZE_MASK: a leaf above level 1. */
const HUGE = 0x80;
/** LCB_F_READ, LCB_F_WRITE and LCB_F_SPIN | LCB_F_RT of contention_begin. */
const READ = 2;
const WRITE = 4;
const RWLOCK = 1 | 8;

export function invalidationsOf(trace: Trace, threads: Threads): Invalidations {
  return new InvalidationPass(trace, threads).run();
}

class InvalidationPass {
  readonly #rows;
  readonly #open: Uint32Array;
  /** The invalidation around this one: madvise may split a huge page inside its own range. */
  readonly #outer: Uint32Array;
  /** Waits under way since one for mmu_lock began, by thread. */
  readonly #lockDepth: Uint8Array;
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #guestFlush: { kinds: Set<number>; source: Invalidations['guestFlushSource'] };
  readonly #columns: Record<
    'old' | 'next' | 'gfn' | 'level' | 'reason' | 'flags' | 'state',
    NumberColumn | undefined
  >;
  #count = 0;

  constructor(
    readonly trace: Trace,
    readonly threads: Threads,
  ) {
    const table = trace.named('kvm_unmap_hva_range');
    const start = table?.column('start');
    const end = table?.column('end');
    this.#starts = start ? pagesOf(start) : new Float64Array(table?.length ?? 0);
    this.#ends = end ? endPages(pagesOf(end), end.values) : new Float64Array(table?.length ?? 0);
    this.#rows = emptyRows(table?.length ?? 0);
    this.#open = new Uint32Array(threads.count).fill(NONE);
    this.#lockDepth = new Uint8Array(threads.count);
    this.#outer = new Uint32Array(table?.length ?? 0).fill(NONE);
    this.#guestFlush = guestFlushKinds(trace);
    const change = trace.named('kvm_tdp_mmu_spte_changed');
    this.#columns = {
      old: lowBitsOf(change?.column('old_spte')),
      next: lowBitsOf(change?.column('new_spte')),
      gfn: numbersOf(change?.column('gfn')),
      level: numbersOf(change?.column('level')),
      reason: numbersOf(trace.named('tlb_flush')?.column('reason')),
      flags: numbersOf(trace.named('contention_begin')?.column('flags')),
      state: numbersOf(trace.named('sched_switch')?.column('prev_state')),
    };
  }

  run(): Invalidations {
    if (this.#starts.length > 0) this.#scan();
    return { count: this.#count, ...this.#rows, guestFlushSource: this.#guestFlush.source };
  }

  #scan(): void {
    const { kind, task, row } = this.trace;
    const { ofTask } = this.threads;
    const roles = this.#roles();
    for (let event = 0; event < kind.length; event++) {
      const role = roles[kind[event]];
      if (role === 0) continue;
      const thread = ofTask[task[event]];
      if (role === Role.start) this.#start(event, thread, row[event]);
      else if (this.#open[thread] !== NONE) this.#inside(role, event, thread, this.#open[thread], row[event]);
    }
  }

  #roles(): Uint8Array {
    const roles = rolesOf(this.trace, ROLES);
    this.trace.kinds.forEach((kind, id) => {
      if (this.#guestFlush.kinds.has(id)) roles[id] = Role.guestFlush;
      else if (roles[id] === 0 && UNRELATED.test(kind.name)) roles[id] = Role.unrelated;
    });
    return roles;
  }

  #start(event: number, thread: number, row: number): void {
    const rows = this.#rows;
    const before = this.#open[thread];
    const invalidation = this.#count++;
    rows.thread[invalidation] = thread;
    rows.startEvent[invalidation] = event;
    rows.lastEvent[invalidation] = event;
    rows.pageStart[invalidation] = this.#starts[row];
    rows.pageEnd[invalidation] = this.#ends[row];
    if (before !== NONE) {
      if (this.#isInside(invalidation, before)) this.#outer[invalidation] = before;
      else this.#close(event, before);
    }
    this.#open[thread] = invalidation;
    this.#lockDepth[thread] = 0;
  }

  /**
   * True for a strictly smaller range within the one under way: it may be nested, so the outer may still go
   * on.
   */
  #isInside(inner: number, outer: number): boolean {
    const { pageStart, pageEnd } = this.#rows;
    const size = pageEnd[inner] - pageStart[inner];
    if (size >= pageEnd[outer] - pageStart[outer]) return false;
    return pageStart[inner] >= pageStart[outer] && pageEnd[inner] <= pageEnd[outer];
  }

  #close(event: number, invalidation: number): void {
    for (let at = invalidation; at !== NONE; at = this.#outer[at]) this.#rows.endEvent[at] = event;
  }

  #inside(role: number, event: number, thread: number, invalidation: number, row: number): void {
    const rows = this.#rows;
    if (role === Role.change) {
      if (!this.#zapped(invalidation, row)) return this.#end(event, thread, invalidation);
    } else if (role === Role.hostFlush) {
      if (this.#columns.reason?.[row] === REMOTE_SEND_IPI) rows.hostFlushes[invalidation]++;
    } else if (role === Role.guestFlush) {
      rows.guestFlushes[invalidation]++;
    } else if (role === Role.lock) {
      const flags = this.#columns.flags?.[row] ?? 0;
      // Notifiers take mmu_lock for write; a reader is the fault that follows.
      if ((flags & RWLOCK) !== 0 && (flags & READ) !== 0) return this.#end(event, thread, invalidation);
      const isWriter = (flags & RWLOCK) !== 0 && (flags & WRITE) !== 0;
      // Other locks are waited for inside and outside of notifiers alike; they only nest.
      if (!isWriter && this.#lockDepth[thread] === 0) return;
      this.#lockDepth[thread]++;
      if (!isWriter) return;
    } else if (role === Role.lockEnd) {
      if (this.#lockDepth[thread] === 0 || --this.#lockDepth[thread] > 0) return;
    } else if (role === Role.switch) {
      // A sleep that signals may interrupt (1), or an idle one (0x80, 0x402), never happens inside a
      // notifier.
      const state = this.#columns.state?.[row] ?? 0;
      if (state === 1 || state === 0x80 || state === 0x402) this.#end(event, thread, invalidation);
      return;
    } else {
      if (role === Role.end) rows.exactEnd[invalidation] = 1;
      return this.#end(event, thread, invalidation);
    }
    rows.lastEvent[invalidation] = event;
  }

  #end(event: number, thread: number, invalidation: number): void {
    if (this.#rows.exactEnd[invalidation]) this.#rows.lastEvent[invalidation] = event;
    this.#close(event, invalidation);
    this.#open[thread] = NONE;
  }

  /**
   * Count a changed entry if it is a zap; false when it is a mapping, which is no part of an invalidation.
   */
  #zapped(invalidation: number, row: number): boolean {
    const { old, next, gfn, level } = this.#columns;
    if (!old || !next || !gfn || !level) return true;
    if (next[row] & PRESENT) return false;
    const isLeaf = (old[row] & PRESENT) !== 0 && (level[row] === 1 || (old[row] & HUGE) !== 0);
    if (!isLeaf) return true;
    const rows = this.#rows;
    rows.leaves[invalidation]++;
    if (level[row] !== 1) return true;
    const frame = gfn[row];
    if (rows.gfnMin[invalidation] < 0 || frame < rows.gfnMin[invalidation]) rows.gfnMin[invalidation] = frame;
    if (frame >= rows.gfnMax[invalidation]) rows.gfnMax[invalidation] = frame + 1;
    return true;
  }
}

/**
 * Kinds of event that are flushes of guest translations: probes on the function, else the IPIs that it sends.
 */
function guestFlushKinds(trace: Trace): { kinds: Set<number>; source: Invalidations['guestFlushSource'] } {
  const pick = (tables: { name: string; system: string }[]) =>
    new Set(trace.kinds.flatMap((kind, id) => (tables.includes(kind) ? [id] : [])));
  const probes = kindsMatching(trace, /kvm_flush_remote_tlbs|^remote_flush$/);
  if (probes.length > 0) return { kinds: pick(probes), source: 'kprobe' };
  const ipis = kindsMatching(trace, /^ipi_send_cpu(mask)?$/).filter((kind) => {
    // The callback of a kick is ack_kick(), and its caller kvm_make_all_cpus_request(): text forms name them.
    const words = ['callback', 'callsite'].map((name) => kind.column(name));
    return words.some(
      (column) =>
        column !== undefined && column.field.type === 'string' && /kvm|ack_kick/.test(column.text(0)),
    );
  });
  return ipis.length > 0 ? { kinds: pick(ipis), source: 'ipi' } : { kinds: new Set(), source: 'none' };
}

/** Ends are exclusive byte addresses: one that is no multiple of a page counts its last page. */
function endPages(pages: Float64Array, low: ArrayLike<number>): Float64Array {
  return pages.map((page, row) => (low[row] & 0xfff ? page + 1 : page));
}

function emptyRows(capacity: number) {
  return {
    thread: new Uint32Array(capacity),
    startEvent: new Uint32Array(capacity),
    lastEvent: new Uint32Array(capacity),
    endEvent: new Uint32Array(capacity).fill(NONE),
    exactEnd: new Uint8Array(capacity),
    pageStart: new Float64Array(capacity),
    pageEnd: new Float64Array(capacity),
    leaves: new Uint32Array(capacity),
    gfnMin: new Float64Array(capacity).fill(-1),
    gfnMax: new Float64Array(capacity).fill(-1),
    hostFlushes: new Uint32Array(capacity),
    guestFlushes: new Uint32Array(capacity),
  };
}

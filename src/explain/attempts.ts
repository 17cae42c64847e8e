/**
 * Fault attempts: one row per fault exit, from kvm_page_fault to the thread's next kvm_entry.
 *
 * Hosts without that event (PVM, shadow-only) show a fault as kvm_mmu_pagetable_walk ...
 * kvm_mmu_spte_requested ... kvm_mmu_set_spte of one thread; there an attempt reaches from one walk to the
 * next.
 */
import type { Trace } from '../trace/store/trace.js';
import { fastResults } from './fast-path.js';
import { Seen } from './seen.js';
import { NONE, numbersOf, pagesOf, rolesOf } from './tables.js';
import type { Threads } from './threads.js';

/** One row per attempt, in order of their first events. `NONE` stands for "no event" and "no row". */
export interface Attempts {
  readonly source: 'kvm_page_fault' | 'kvmmmu' | 'none';
  readonly count: number;
  readonly thread: Uint32Array;
  /** Faulting address / 4096. */
  readonly page: Float64Array;
  /** Guest frame; -1 while unknown. */
  readonly gfn: Float64Array;
  readonly flags: Uint8Array;
  readonly startEvent: Uint32Array;
  /** kvm_entry, or what stands for it. */
  readonly endEvent: Uint32Array;
  readonly requestEvent: Uint32Array;
  readonly setEvent: Uint32Array;
  /** Next attempt of the same thread. */
  readonly next: Uint32Array;
  /** Walks that were no faults; left out of the rows. */
  readonly voided: number;
  /** vcpu_id of each thread, -1 where the trace does not say. */
  readonly vcpuOf: Int32Array;
}

const Role = {
  start: 1,
  entry: 2,
  requested: 3,
  set: 4,
  mmio: 5,
  fast: 6,
  guestFault: 7,
  emulation: 8,
} as const;

const COMMON_ROLES = {
  kvm_entry: Role.entry,
  kvm_mmu_spte_requested: Role.requested,
  kvm_mmu_set_spte: Role.set,
  handle_mmio_page_fault: Role.mmio,
  mark_mmio_spte: Role.mmio,
  fast_page_fault: Role.fast,
} as const;

const WALK_ROLES = {
  ...COMMON_ROLES,
  kvm_mmu_pagetable_walk: Role.start,
  kvm_mmu_walker_error: Role.guestFault,
  kvm_emulate_insn: Role.emulation,
} as const;

export function attemptsOf(trace: Trace, threads: Threads): Attempts {
  const faults = trace.named('kvm_page_fault');
  if (faults?.column('fault_address')) {
    return new AttemptPass(trace, threads, 'kvm_page_fault', 'fault_address').run();
  }
  const walks = trace.named('kvm_mmu_pagetable_walk');
  // Walks alone also come from instruction emulation; without requests beside them they say nothing about
  // faults.
  if (walks?.column('addr') && trace.named('kvm_mmu_spte_requested')) {
    return new AttemptPass(trace, threads, 'kvm_mmu_pagetable_walk', 'addr').run();
  }
  return new AttemptPass(trace, threads, undefined, '').run();
}

class AttemptPass {
  readonly #roles: Uint8Array;
  readonly #rows: ReturnType<typeof emptyRows>;
  readonly #pages: Float64Array;
  readonly #gfns;
  readonly #fast;
  /** Attempt under way, and the latest one, of each thread. */
  readonly #open: Uint32Array;
  readonly #last: Uint32Array;
  #count = 0;

  constructor(
    readonly trace: Trace,
    readonly threads: Threads,
    readonly startName: 'kvm_page_fault' | 'kvm_mmu_pagetable_walk' | undefined,
    addressField: string,
  ) {
    const table = startName === undefined ? undefined : trace.named(startName);
    const address = table?.column(addressField);
    const isWalk = startName === 'kvm_mmu_pagetable_walk';
    this.#roles = rolesOf(trace, isWalk ? WALK_ROLES : { ...COMMON_ROLES, kvm_page_fault: Role.start });
    this.#rows = emptyRows(table?.length ?? 0);
    this.#pages = address ? pagesOf(address) : new Float64Array(0);
    this.#gfns = numbersOf(trace.named('kvm_mmu_spte_requested')?.column('gfn'));
    this.#fast = fastResults(trace);
    this.#open = new Uint32Array(threads.count).fill(NONE);
    this.#last = new Uint32Array(threads.count).fill(NONE);
  }

  run(): Attempts {
    const { trace, startName } = this;
    const vcpuOf = vcpuIds(trace, this.threads);
    if (startName !== undefined) this.#scan();
    const source = startName === undefined ? 'none' : startName === 'kvm_page_fault' ? startName : 'kvmmmu';
    return withoutVoid({ source, count: this.#count, ...this.#rows, voided: 0, vcpuOf });
  }

  #scan(): void {
    const { kind, task, row } = this.trace;
    const { ofTask } = this.threads;
    const roles = this.#roles;
    const open = this.#open;
    for (let event = 0; event < kind.length; event++) {
      const role = roles[kind[event]];
      if (role === 0) continue;
      const thread = ofTask[task[event]];
      if (role === Role.start) this.#start(event, thread, row[event]);
      else if (open[thread] !== NONE) this.#inside(role, event, thread, open[thread], row[event]);
    }
  }

  #start(event: number, thread: number, row: number): void {
    const rows = this.#rows;
    const before = this.#last[thread];
    const attempt = this.#count++;
    if (before !== NONE) rows.next[before] = attempt;
    // Without kvm_entry the next fault is the first thing known to come after this one.
    if (this.#open[thread] !== NONE) rows.endEvent[this.#open[thread]] = event;
    rows.thread[attempt] = thread;
    rows.page[attempt] = this.#pages[row];
    rows.startEvent[attempt] = event;
    this.#open[thread] = attempt;
    this.#last[thread] = attempt;
  }

  #inside(role: number, event: number, thread: number, attempt: number, row: number): void {
    const rows = this.#rows;
    if (role === Role.entry) {
      rows.flags[attempt] |= Seen.ended;
      rows.endEvent[attempt] = event;
      this.#open[thread] = NONE;
    } else if (role === Role.requested) {
      rows.flags[attempt] |= Seen.requested;
      rows.requestEvent[attempt] = event;
      if (this.#gfns) rows.gfn[attempt] = this.#gfns[row];
    } else if (role === Role.set) {
      this.#set(event, thread, attempt);
    } else if (role === Role.mmio) {
      rows.flags[attempt] |= Seen.mmio;
    } else if (role === Role.fast) {
      rows.flags[attempt] |= this.#fast[row];
    } else if ((rows.flags[attempt] & Seen.requested) === 0) {
      rows.flags[attempt] |= Seen.void;
      this.#open[thread] = NONE;
    }
  }

  #set(event: number, thread: number, attempt: number): void {
    const rows = this.#rows;
    // Neighbours may be prefetched after the faulting page: the first entry is the fault's own.
    if (rows.setEvent[attempt] !== NONE) return;
    rows.flags[attempt] |= Seen.set;
    rows.setEvent[attempt] = event;
    if (this.startName === 'kvm_page_fault') return;
    rows.flags[attempt] |= Seen.ended;
    rows.endEvent[attempt] = event;
    this.#open[thread] = NONE;
  }
}

function emptyRows(capacity: number) {
  return {
    thread: new Uint32Array(capacity),
    page: new Float64Array(capacity),
    gfn: new Float64Array(capacity).fill(-1),
    flags: new Uint8Array(capacity),
    startEvent: new Uint32Array(capacity),
    endEvent: new Uint32Array(capacity).fill(NONE),
    requestEvent: new Uint32Array(capacity).fill(NONE),
    setEvent: new Uint32Array(capacity).fill(NONE),
    next: new Uint32Array(capacity).fill(NONE),
  };
}

/** The same table without the rows that turned out to be no faults; closes the gaps in place. */
function withoutVoid(all: Attempts): Attempts {
  const { count, flags, next } = all;
  const renamed = new Uint32Array(count).fill(NONE);
  let kept = 0;
  for (let row = 0; row < count; row++) if ((flags[row] & Seen.void) === 0) renamed[row] = kept++;
  if (kept === count) return all;
  // From the back, so that the successor of a successor is already known.
  for (let row = count - 1; row >= 0; row--) {
    const after = next[row];
    if (after !== NONE && flags[after] & Seen.void) next[row] = next[after];
  }
  for (let row = 0; row < count; row++) if (next[row] !== NONE) next[row] = renamed[next[row]];
  const { thread, page, gfn, startEvent, endEvent, requestEvent, setEvent } = all;
  for (const column of [thread, page, gfn, flags, startEvent, endEvent, requestEvent, setEvent, next]) {
    for (let row = 0; row < count; row++) if (renamed[row] !== NONE) column[renamed[row]] = column[row];
  }
  return { ...all, count: kept, voided: count - kept };
}

/** vcpu_id of each thread, from the first event that names one. */
function vcpuIds(trace: Trace, threads: Threads): Int32Array {
  const vcpuOf = new Int32Array(threads.count).fill(-1);
  for (const name of ['kvm_entry', 'kvm_exit', 'kvm_page_fault', 'fast_page_fault']) {
    const table = trace.named(name);
    const column = table?.column('vcpu_id');
    if (!table || !column) continue;
    for (let row = 0; row < table.length; row++) {
      const thread = threads.ofTask[trace.task[table.events[row]]];
      if (vcpuOf[thread] < 0 && column.has(row)) vcpuOf[thread] = column.values[row];
    }
  }
  return vcpuOf;
}

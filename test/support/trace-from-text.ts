/**
 * Small traces written as text, one column per thread, for tests of what a trace means:
 *
 *     us | vcpu:10 #0     | ksmd:57
 *     10 | fault 5        |
 *     12 |                | unmap 1005+1; zap 5
 *     14 | map 5; entry   |
 *
 * The header names threads as comm:tid, `#n` their vCPU and `@n` their CPU (default: the column). Numbers are
 * hexadecimal except times (microseconds), counts after `+` and `x`. Commands are in `COMMANDS` below.
 */
import { findEvent } from '../../src/trace/events/index.js';
import { TraceBuilder } from '../../src/trace/store/builder.js';
import type { KindBuilder } from '../../src/trace/store/kind.js';
import type { Trace, TraceMeta } from '../../src/trace/store/trace.js';

type Fields = Readonly<Record<string, number | bigint | string>>;
type Emit = (event: string, fields?: Fields) => void;

interface Thread {
  readonly tid: number;
  readonly comm: string;
  readonly cpu: number;
  readonly vcpu: number;
}

/** Locks by the name used in the text; M is page-aligned as an mmu_lock is. */
const LOCKS: Readonly<Record<string, bigint>> = {
  M: 0xff6e88d800e81000n,
  N: 0xff6e88d800e92000n,
  Q: 0xff6e88d800e81004n,
  X: 0xff6e88d800aa0958n,
};
const WAYS: Readonly<Record<string, number>> = {
  spin: 1,
  read: 3,
  write: 5,
  mutex: 32,
  'mutex-spin': 33,
  rwsem: 2,
  percpu: 20,
  rt: 10,
};
const PRESENT = 0x8e67n;
const GONE = 0x8000000000000000n;

const hex = (text: string): bigint => BigInt(`0x${text}`);

const COMMANDS: Readonly<Record<string, (emit: Emit, args: readonly string[], thread: Thread) => void>> = {
  fault: (emit, [page], { vcpu }) =>
    emit('kvm_page_fault', { vcpu_id: vcpu, fault_address: hex(page) << 12n, error_code: 6 }),
  walk: (emit, [page]) => emit('kvm_mmu_pagetable_walk', { addr: hex(page) << 12n, pferr: 6 }),
  'walk-error': (emit) => emit('kvm_mmu_walker_error', {}),
  emulate: (emit) => emit('kvm_emulate_insn', {}),
  entry: (emit, _, { vcpu }) => emit('kvm_entry', { vcpu_id: vcpu }),
  exit: (emit, _, { vcpu }) => emit('kvm_exit', { vcpu_id: vcpu }),
  request: (emit, [gfn]) => emit('kvm_mmu_spte_requested', { gfn: hex(gfn), level: 1 }),
  change: (emit, [gfn]) =>
    emit('kvm_tdp_mmu_spte_changed', { gfn: hex(gfn), old_spte: GONE, new_spte: PRESENT, level: 1 }),
  set: (emit, [gfn]) => emit('kvm_mmu_set_spte', { gfn: hex(gfn), spte: PRESENT, level: 1 }),
  map: (emit, [gfn]) => {
    emit('kvm_mmu_spte_requested', { gfn: hex(gfn), level: 1 });
    emit('kvm_tdp_mmu_spte_changed', { gfn: hex(gfn), old_spte: GONE, new_spte: PRESENT, level: 1 });
    emit('kvm_mmu_set_spte', { gfn: hex(gfn), spte: PRESENT, level: 1 });
  },
  mmio: (emit, [gfn]) => emit('handle_mmio_page_fault', { gfn: hex(gfn) }),
  fast: (emit, [ret], { vcpu }) => emit('fast_page_fault', { vcpu_id: vcpu, ret: Number(ret) }),
  unmap: (emit, [range]) => {
    const [page, count] = range.split('+');
    emit('kvm_unmap_hva_range', { start: hex(page) << 12n, end: (hex(page) + BigInt(count)) << 12n });
  },
  zap: (emit, [gfn]) =>
    emit('kvm_tdp_mmu_spte_changed', { gfn: hex(gfn), old_spte: PRESENT, new_spte: GONE, level: 1 }),
  end: (emit, [range]) => {
    const [page, count] = range.split('+');
    emit('invalidate_end', { start: hex(page) << 12n, end: (hex(page) + BigInt(count)) << 12n });
  },
  yield: (emit) => emit('yield', {}),
  flush: (emit) => emit('tlb_flush', { reason: 4, pages: 1 }),
  begin: (emit, [lock, way]) => emit('contention_begin', { lock_addr: LOCKS[lock], flags: WAYS[way] }),
  got: (emit, [lock]) => emit('contention_end', { lock_addr: LOCKS[lock], ret: 0 }),
  age: (emit, [page]) => emit('kvm_age_hva', { start: hex(page) << 12n, end: (hex(page) + 1n) << 12n }),
  merge: (emit) => emit('ksm_merge_with_ksm_page', {}),
  migrate: (emit, [reason]) => emit('mm_migrate_pages', { succeeded: 1, reason: Number(reason) }),
  sleep: (emit, _, { tid }) => emit('sched_switch', { prev_pid: tid, prev_state: 1 }),
};

export function traceFromText(text: string, meta: Partial<TraceMeta> = {}): Trace {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const [header, ...body] = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  const threads = header.slice(1).map(threadOf);
  const writer = new Writer(meta);
  for (const [time, ...cells] of body) {
    cells.forEach((cell, column) => {
      for (const command of cell.split(';')) writer.run(Number(time) * 1000, threads[column], command.trim());
    });
  }
  return writer.builder.finish();
}

function threadOf(text: string, column: number): Thread {
  const match = /^(.+):(\d+)(?: #(\d+))?(?: @(\d+))?$/.exec(text);
  if (!match) throw new Error(`no thread: ${text}`);
  const [, comm, tid, vcpu, cpu] = match;
  return { comm, tid: Number(tid), vcpu: Number(vcpu ?? 0), cpu: Number(cpu ?? column) };
}

class Writer {
  readonly builder = new TraceBuilder();
  readonly #kinds = new Map<string, KindBuilder>();

  constructor(meta: Partial<TraceMeta>) {
    Object.assign(this.builder.meta, meta);
  }

  run(time: number, thread: Thread, command: string): void {
    if (command === '') return;
    const [name, ...args] = command.split(/\s+/);
    const action = COMMANDS[name];
    if (!action) throw new Error(`no such command: ${command}`);
    action((event, fields = {}) => this.#emit(time, thread, event, fields), args, thread);
  }

  #emit(time: number, thread: Thread, event: string, fields: Fields): void {
    let kind = this.#kinds.get(event);
    if (!kind) {
      const def = findEvent(event) ?? findEvent(event, 'faultline');
      if (!def) throw new Error(`the event table has no ${event}`);
      this.#kinds.set(event, (kind = this.builder.kind(def, true)));
    }
    if (!this.builder.begin(time, kind, thread.cpu, this.builder.task(thread.tid, thread.comm), 0)) return;
    for (const [name, value] of Object.entries(fields)) {
      const column = kind.column(name);
      if (!column) throw new Error(`${event} has no field ${name}`);
      column.setBig(kind.row, BigInt(value));
    }
  }
}

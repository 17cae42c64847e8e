/**
 * What a simulated trace says of itself: the `faultline:*` events of the model, gathered by invalidation
 * and by attempt.
 *
 * Events are numbered by their place in the whole trace, invalidations by their `kvm_unmap_hva_range`
 * event, counted from 0, which is how `explain` counts them.
 */
import type { Memslot } from '../model/kvm.js';
import { TRACED_MMU_LOCK, tracedHostPage } from '../simulate/trace-values.js';
import type { Column } from '../trace/store/column.js';
import type { KindTable } from '../trace/store/kind.js';
import type { Trace } from '../trace/store/trace.js';

/** An invalidation of guest memory, from its begin to its end. */
export interface Window {
  /** Row of the invalidation; -1 for one that no notifier began. */
  readonly row: number;
  readonly begin: number;
  /** Infinity while the trace ends first. */
  end: number;
  /** Guest frames, end excluded; empty where the range has none. */
  readonly gfn: readonly [first: number, end: number];
}

/** The hull that KVM keeps, from an event on until the next. */
export interface HullState {
  readonly event: number;
  readonly gfn: readonly [first: number, end: number];
}

/** A fault that came back. */
export interface Retry {
  readonly event: number;
  readonly task: number;
  readonly gfn: number;
  readonly reason: number;
}

/** A time for which an invalidation held mmu_lock for write, ns. */
export interface Hold {
  readonly start: number;
  readonly end: number;
  /** Times of the first and the last leaf zapped in it. */
  readonly zaps: readonly [first: number, last: number];
}

export interface Truth {
  readonly retries: readonly Retry[];
  /** In order of their begin. */
  readonly windows: readonly Window[];
  readonly hulls: readonly HullState[];
  /** By row: yields inside it, its end (an event), its holds. */
  readonly yields: ReadonlyMap<number, number>;
  readonly ends: ReadonlyMap<number, number>;
  readonly holds: ReadonlyMap<number, readonly Hold[]>;
}

/** What is needed of a `Kvm`. */
export interface ModelledVm {
  readonly slots: readonly Pick<Memslot, 'baseGfn' | 'pages' | 'userspacePage'>[];
}

/** SPTE_MMU_PRESENT_MASK. */
const PRESENT = 0x800;
const WRITE = 2;

export function truthOf(trace: Trace, vm: ModelledVm): Truth {
  return new TruthPass(trace, vm).run();
}

interface OpenHold {
  readonly start: number;
  first: number;
  last: number;
}

class TruthPass {
  readonly #retries: Retry[] = [];
  readonly #windows: Window[] = [];
  readonly #hulls: HullState[] = [];
  readonly #yields = new Map<number, number>();
  readonly #ends = new Map<number, number>();
  readonly #holds = new Map<number, Hold[]>();
  /** By tid: row that no begin has followed yet; windows inside one another; the hold under way. */
  readonly #pending = new Map<number, number>();
  readonly #open = new Map<number, Window[]>();
  readonly #holding = new Map<number, OpenHold>();
  #active = 0;
  #hull: readonly [number, number] = EMPTY;

  constructor(
    readonly trace: Trace,
    readonly vm: ModelledVm,
  ) {}

  run(): Truth {
    const { trace } = this;
    const handlers = trace.kinds.map((table) => this.#handlerOf(table));
    for (let event = 0; event < trace.length; event++) {
      handlers[trace.kind[event]]?.(event, trace.row[event], trace.tidOf(event));
    }
    return {
      retries: this.#retries,
      windows: this.#windows,
      hulls: this.#hulls,
      yields: this.#yields,
      ends: this.#ends,
      holds: this.#holds,
    };
  }

  #handlerOf(table: KindTable): ((event: number, row: number, tid: number) => void) | undefined {
    const of = (name: string): Column => columnOf(table, name);
    switch (table.length === 0 ? '' : `${table.system}:${table.name}`) {
      case 'kvm:kvm_unmap_hva_range':
        return (_, row, tid) => this.#pending.set(tid, row);
      case 'faultline:invalidate_begin':
        return (event, row, tid) => this.#begin(event, tid, of('start'), of('end'), row);
      case 'faultline:invalidate_end':
        return (event, _, tid) => this.#end(event, tid);
      case 'faultline:yield':
        return (_, __, tid) => this.#yielded(tid);
      case 'faultline:fault_retry':
        return (event, row) => this.#retry(event, of('gfn').number(row), of('reason').number(row));
      case 'faultline:lock_acquired':
        return (event, row, tid) => {
          if (!this.#isWrite(table, row)) return;
          this.#holding.set(tid, { start: this.trace.timeOf(event), first: Infinity, last: -Infinity });
        };
      case 'faultline:lock_released':
        return (event, row, tid) => {
          if (this.#isWrite(table, row)) this.#released(event, tid);
        };
      case 'kvmmmu:kvm_tdp_mmu_spte_changed':
        return (event, row, tid) => {
          const isZap = of('old_spte').values[row] & PRESENT && !(of('new_spte').values[row] & PRESENT);
          if (isZap) this.#zapped(event, tid);
        };
      default:
        return undefined;
    }
  }

  #isWrite(table: KindTable, row: number): boolean {
    const mode = columnOf(table, 'mode').number(row);
    return mode === WRITE && columnOf(table, 'lock_addr').big(row) === TRACED_MMU_LOCK;
  }

  #begin(event: number, tid: number, start: Column, end: Column, row: number): void {
    // What the thread announced last is what begins, if it is this range at all.
    const unmap = this.#pending.get(tid) ?? -1;
    this.#pending.delete(tid);
    const starts = this.trace.named('kvm_unmap_hva_range')?.column('start');
    const isNotifier = unmap >= 0 && starts?.big(unmap) === start.big(row);
    const gfn = this.#framesOf(pageOf(start, row), pageOf(end, row));
    const window: Window = { row: isNotifier ? unmap : -1, begin: event, end: Infinity, gfn };
    this.#windows.push(window);
    const open = this.#open.get(tid);
    if (open) open.push(window);
    else this.#open.set(tid, [window]);
    this.#active++;
    this.#hull = hullOf(this.#hull, gfn);
    this.#hulls.push({ event, gfn: this.#hull });
  }

  #end(event: number, tid: number): void {
    const window = this.#open.get(tid)?.pop();
    if (!window) return;
    window.end = event;
    if (window.row >= 0) this.#ends.set(window.row, event);
    if (--this.#active > 0) return;
    this.#hull = EMPTY;
    this.#hulls.push({ event, gfn: EMPTY });
  }

  #rowOf(tid: number): number {
    return this.#open.get(tid)?.at(-1)?.row ?? -1;
  }

  #yielded(tid: number): void {
    const row = this.#rowOf(tid);
    if (row >= 0) this.#yields.set(row, (this.#yields.get(row) ?? 0) + 1);
  }

  #retry(event: number, gfn: number, reason: number): void {
    this.#retries.push({ event, task: this.trace.task[event], gfn, reason });
  }

  #zapped(event: number, tid: number): void {
    const hold = this.#holding.get(tid);
    if (!hold) return;
    const time = this.trace.timeOf(event);
    hold.first = Math.min(hold.first, time);
    hold.last = time;
  }

  #released(event: number, tid: number): void {
    const hold = this.#holding.get(tid);
    this.#holding.delete(tid);
    const row = this.#rowOf(tid);
    if (!hold || row < 0) return;
    const { start, first, last } = hold;
    const done: Hold = { start, end: this.trace.timeOf(event), zaps: [first, last] };
    const holds = this.#holds.get(row);
    if (holds) holds.push(done);
    else this.#holds.set(row, [done]);
  }

  /** The guest frames of host pages [start, end), as one hull. */
  #framesOf(start: number, end: number): readonly [number, number] {
    let frames = EMPTY;
    for (const { baseGfn, pages, userspacePage } of this.vm.slots) {
      const distance = tracedHostPage(userspacePage) - baseGfn;
      const first = Math.max(baseGfn, start - distance);
      const last = Math.min(baseGfn + pages, end - distance);
      if (first < last) frames = hullOf(frames, [first, last]);
    }
    return frames;
  }
}

const EMPTY: readonly [number, number] = [Infinity, -Infinity];

function hullOf(a: readonly [number, number], b: readonly [number, number]): readonly [number, number] {
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

function columnOf(table: KindTable, name: string): Column {
  const column = table.column(name);
  if (!column) throw new Error(`${table.name} has no ${name}`);
  return column;
}

/** 4 KiB page of an address. */
function pageOf(column: Column, row: number): number {
  return Number(column.big(row) >> 12n);
}

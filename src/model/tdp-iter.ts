'use coroutines';
/**
 * The TDP iterator: arch/x86/kvm/mmu/tdp_iter.c and tdp_iter.h, v5.10 to v7.3. A pre-order walk over every
 * entry of every table in a range, present or not.
 *
 * The rule of when a walk may yield is defined on its fields, so they are all here: `nextLastLevelGfn` is
 * where the walk wants to get, `yieldedGfn` where it wanted to get when it last began or yielded.
 */
import { Cost } from './costs.js';
import type { Kvm } from './kvm.js';
import type { Cell, Step, Thread } from './operations.js';
import { entryIndex, pagesPerEntry, tableCell } from './page-tables.js';
import { SCRATCH_ITER, SCRATCH_STEPS } from './scratch.js';
import { frameOf, isTable } from './spte.js';

/** struct tdp_iter, in the private cells of the thread that walks. A thread walks one range at a time. */
export class TdpIter {
  constructor(
    readonly mem: Int32Array,
    readonly base: Cell,
  ) {}
  get nextLastLevelGfn(): number {
    return this.mem[this.base];
  }
  set nextLastLevelGfn(value: number) {
    this.mem[this.base] = value;
  }
  get yieldedGfn(): number {
    return this.mem[this.base + 1];
  }
  set yieldedGfn(value: number) {
    this.mem[this.base + 1] = value;
  }
  /** First gfn that the current entry maps. */
  get gfn(): number {
    return this.mem[this.base + 2];
  }
  set gfn(value: number) {
    this.mem[this.base + 2] = value;
  }
  get level(): number {
    return this.mem[this.base + 3];
  }
  set level(value: number) {
    this.mem[this.base + 3] = value;
  }
  get minLevel(): number {
    return this.mem[this.base + 4];
  }
  set minLevel(value: number) {
    this.mem[this.base + 4] = value;
  }
  /** The entry as it was when the walk came to it. */
  get oldSpte(): number {
    return this.mem[this.base + 5];
  }
  set oldSpte(value: number) {
    this.mem[this.base + 5] = value;
  }
  get valid(): number {
    return this.mem[this.base + 6];
  }
  set valid(value: number) {
    this.mem[this.base + 6] = value;
  }
  get yielded(): number {
    return this.mem[this.base + 7];
  }
  set yielded(value: number) {
    this.mem[this.base + 7] = value;
  }
  /** Cell of the current entry. */
  get sptep(): Cell {
    return this.mem[this.base + 8];
  }
  set sptep(value: Cell) {
    this.mem[this.base + 8] = value;
  }
  /** pt_path: index of the table that the walk is in, by level. */
  table(level: number): number {
    return this.mem[this.base + 9 + level];
  }
  setTable(level: number, index: number): void {
    this.mem[this.base + 9 + level] = index;
  }
}

/** The iterator of a thread. */
export function iterOf(t: Thread): TdpIter {
  return new TdpIter(t.mem, t.scratch + SCRATCH_ITER);
}

/** tdp_iter_start(); `rootTable` is the index of the root's table. */
export function* tdpIterStart(
  t: Thread,
  kvm: Kvm,
  iter: TdpIter,
  rootTable: number,
  minLevel: number,
  gfn: number,
): Step<void> {
  iter.nextLastLevelGfn = gfn;
  iter.setTable(kvm.geometry.levels, rootTable);
  iter.minLevel = minLevel;
  yield* tdpIterRestart(t, kvm, iter);
}

/** tdp_iter_restart() */
function* tdpIterRestart(t: Thread, kvm: Kvm, iter: TdpIter): Step<void> {
  iter.yielded = 0;
  iter.yieldedGfn = iter.nextLastLevelGfn;
  iter.level = kvm.geometry.levels;
  iter.valid = iter.nextLastLevelGfn < kvm.geometry.gfns ? 1 : 0;
  t.mem[t.scratch + SCRATCH_STEPS] = 0;
  if (iter.valid) yield* refresh(t, kvm, iter);
}

/** tdp_iter_refresh_sptep(), after the level or the goal changed. */
function* refresh(t: Thread, kvm: Kvm, iter: TdpIter): Step<void> {
  const { level } = iter;
  iter.gfn = iter.nextLastLevelGfn & ~(pagesPerEntry(kvm, level) - 1);
  iter.sptep = tableCell(kvm, iter.table(level)) + entryIndex(kvm, iter.gfn, level);
  yield* t.spend(Cost.tdpIterStep, 1);
  iter.oldSpte = yield* t.load(iter.sptep);
}

/**
 * tdp_iter_next(): down if it can, else sideways, else up and sideways; after a yield, again from the root.
 */
export function* tdpIterNext(t: Thread, kvm: Kvm, iter: TdpIter): Step<void> {
  if (iter.yielded) {
    if (kvm.policy.afterYield === 'restart-at-root') {
      yield* tdpIterRestart(t, kvm, iter);
    } else {
      iter.yielded = 0;
      iter.yieldedGfn = iter.nextLastLevelGfn;
      iter.oldSpte = yield* t.load(iter.sptep);
    }
    return;
  }
  if (iter.level > iter.minLevel) {
    // try_step_down() reads the entry again: the caller may have changed it.
    iter.oldSpte = yield* t.load(iter.sptep);
    if (isTable(iter.oldSpte)) {
      const child = frameOf(iter.oldSpte);
      iter.level -= 1;
      iter.setTable(iter.level, child);
      yield* refresh(t, kvm, iter);
      return;
    }
  }
  yield* stepSideOrUp(t, kvm, iter);
}

/** try_step_side(), try_step_up() */
function* stepSideOrUp(t: Thread, kvm: Kvm, iter: TdpIter): Step<void> {
  const last = (1 << kvm.geometry.bits) - 1;
  while (entryIndex(kvm, iter.gfn, iter.level) === last) {
    if (iter.level === kvm.geometry.levels) {
      iter.valid = 0;
      return;
    }
    iter.level += 1;
    iter.gfn &= ~(pagesPerEntry(kvm, iter.level) - 1);
    iter.sptep = tableCell(kvm, iter.table(iter.level)) + entryIndex(kvm, iter.gfn, iter.level);
  }
  iter.gfn += pagesPerEntry(kvm, iter.level);
  iter.nextLastLevelGfn = iter.gfn;
  iter.sptep += 1;
  if (iter.gfn >= kvm.geometry.gfns) {
    iter.valid = 0;
    return;
  }
  t.mem[t.scratch + SCRATCH_STEPS]++;
  yield* t.spend(Cost.tdpIterStep, 1);
  iter.oldSpte = yield* t.load(iter.sptep);
}

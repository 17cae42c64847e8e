'use coroutines';
/**
 * Page-table pages: where they are, allocation, and freeing after an RCU grace period.
 *
 * The kernel takes them from per-vCPU caches that nobody contends for, and counts RCU readers per CPU, so
 * neither is an operation here: what other threads can notice is only when a freed table is used again.
 */
import { Cost } from './costs.js';
import type { Kvm } from './kvm.js';
import type { Cell, Step, Thread } from './operations.js';

/** Cell of entry 0 of a table, by its index. Index 0 is no table. */
export function tableCell(kvm: Kvm, index: number): Cell {
  return kvm.tables.first + index * (1 << kvm.geometry.bits);
}

/** Frames that one entry of a level maps: KVM_PAGES_PER_HPAGE(level). */
export function pagesPerEntry(kvm: Kvm, level: number): number {
  return 1 << (kvm.geometry.bits * (level - 1));
}

/** Index of a gfn's entry in its table of a level. */
export function entryIndex(kvm: Kvm, gfn: number, level: number): number {
  return (gfn >>> (kvm.geometry.bits * (level - 1))) & ((1 << kvm.geometry.bits) - 1);
}

/** Takes an empty table from the caches; 0 when the machine has none left. */
export function* allocTable(t: Thread, kvm: Kvm): Step<number> {
  yield* t.spend(Cost.allocTable, 1);
  const { mem } = t;
  const index = mem[kvm.tables.free];
  if (index === 0) return 0;
  const cell = tableCell(kvm, index);
  mem[kvm.tables.free] = mem[cell];
  mem.fill(0, cell, cell + (1 << kvm.geometry.bits));
  mem[kvm.tables.used]++;
  return index;
}

/** Gives back a table that was never linked. */
export function freeUnusedTable(t: Thread, kvm: Kvm, index: number): void {
  const cell = tableCell(kvm, index);
  t.mem[cell] = t.mem[kvm.tables.free];
  t.mem[kvm.tables.free] = index;
  t.mem[kvm.tables.used]--;
}

/** rcu_read_lock() */
export function rcuReadLock(t: Thread, kvm: Kvm): void {
  t.mem[kvm.rcuReaders]++;
}

/** rcu_read_unlock() */
export function rcuReadUnlock(t: Thread, kvm: Kvm): void {
  if (--t.mem[kvm.rcuReaders] === 0) releaseLimbo(t, kvm);
}

/** call_rcu(&sp->rcu_head, tdp_mmu_free_sp_rcu_callback): free when nobody can still walk the table. */
export function callRcuFreeTable(t: Thread, kvm: Kvm, index: number): void {
  if (t.mem[kvm.rcuReaders] === 0) return freeUnusedTable(t, kvm, index);
  // Readers may still read every entry, so the link lies in a cell of its own, beyond the table's entries.
  t.mem[limboLink(kvm, index)] = t.mem[kvm.rcuLimbo];
  t.mem[kvm.rcuLimbo] = index;
}

function releaseLimbo(t: Thread, kvm: Kvm): void {
  let index = t.mem[kvm.rcuLimbo];
  t.mem[kvm.rcuLimbo] = 0;
  while (index !== 0) {
    const next = t.mem[limboLink(kvm, index)];
    freeUnusedTable(t, kvm, index);
    index = next;
  }
}

function limboLink(kvm: Kvm, index: number): Cell {
  return kvm.rcuLimbo + index;
}

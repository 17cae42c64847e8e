'use coroutines';
/**
 * Heads of rmaps and the chains behind them: struct kvm_rmap_head and pte_list_desc, arch/x86/kvm/mmu/mmu.c,
 * v5.10 to v7.3. `parent_ptes` of a shadow page is one too.
 *
 * The value of a head, as in the kernel, is nothing, one entry, or a list (bit 0); bit 1 locks it (since
 * 6.15, for aging without mmu_lock). The kernel packs 14 entries into a node; a node here holds one, and the
 * rest of its list in the same form as a head.
 */
import type { Kvm, Memslot } from '../kvm.js';
import { Order, type Cell, type Step, type Thread } from '../operations.js';

/** KVM_RMAP_MANY */
const RMAP_MANY = 1;
/** KVM_RMAP_LOCKED */
const RMAP_LOCKED = 2;
const RMAP_SHIFT = 2;

/** gfn_to_rmap(): the head of a gfn at a level. */
export function gfnToRmap(kvm: Kvm, slot: Memslot, gfn: number, level: number): Cell {
  const shift = kvm.geometry.bits * (level - 1);
  return slot.rmap[level - 1] + (gfn >>> shift) - (slot.baseGfn >>> shift);
}

/** The first entry (its cell) of a list that is not empty. */
export function rmapFirst(t: Thread, value: number): Cell {
  return (value & RMAP_MANY) === 0 ? value >>> RMAP_SHIFT : t.mem[value >>> RMAP_SHIFT];
}

/** The list without its first entry; 0 when it is empty. */
export function rmapRest(t: Thread, value: number): number {
  return (value & RMAP_MANY) === 0 ? 0 : t.mem[(value >>> RMAP_SHIFT) + 1];
}

/** __kvm_rmap_lock(): waits for the bit; an empty head cannot be locked, and says 0. */
function* lockHead(t: Thread, head: Cell): Step<number> {
  let value = yield* t.load(head);
  while (value !== 0) {
    if ((value & RMAP_LOCKED) !== 0) {
      value = yield* t.spinUntil(head, RMAP_LOCKED, 0);
      continue;
    }
    const seen = yield* t.cmpxchg(head, value, value | RMAP_LOCKED, Order.Acquire);
    if (seen === value) return value;
    value = seen;
  }
  return 0;
}

/** kvm_rmap_lock(): mmu_lock is held for write; kernels that age under mmu_lock need no bit. */
export function* kvmRmapLock(t: Thread, kvm: Kvm, head: Cell): Step<number> {
  if (kvm.policy.agingLock === 'write') return yield* t.loadPlain(head);
  return yield* lockHead(t, head);
}

/** kvm_rmap_unlock(): publishes the new value. */
export function* kvmRmapUnlock(t: Thread, kvm: Kvm, head: Cell, value: number): Step<void> {
  if (kvm.policy.agingLock === 'write') yield* t.storePlain(head, value);
  else yield* t.storeRelease(head, value);
}

/**
 * kvm_rmap_lock_readonly(): for aging without mmu_lock; preemption stays off while it is held. 0: nothing to
 * unlock.
 */
export function* kvmRmapLockReadonly(t: Thread, head: Cell): Step<number> {
  yield* t.preemptDisable();
  const value = yield* lockHead(t, head);
  if (value === 0) yield* t.preemptEnable();
  return value;
}

/** kvm_rmap_unlock_readonly() */
export function* kvmRmapUnlockReadonly(t: Thread, head: Cell, value: number): Step<void> {
  if (value === 0) return;
  yield* t.storeRelease(head, value);
  yield* t.preemptEnable();
}

/** pte_list_add() to an rmap. */
export function* pteListAdd(t: Thread, kvm: Kvm, head: Cell, sptep: Cell): Step<void> {
  const old = yield* kvmRmapLock(t, kvm, head);
  yield* kvmRmapUnlock(t, kvm, head, listWith(t, kvm, old, sptep));
}

/** pte_list_remove() from an rmap. */
export function* pteListRemove(t: Thread, kvm: Kvm, head: Cell, sptep: Cell): Step<void> {
  const old = yield* kvmRmapLock(t, kvm, head);
  yield* kvmRmapUnlock(t, kvm, head, listWithout(t, kvm, old, sptep));
}

/**
 * pte_list_add(): a list with one more entry, its first. Chains of `parent_ptes` are nobody else's, and need
 * no lock.
 */
export function listWith(t: Thread, kvm: Kvm, list: number, sptep: Cell): number {
  if (list === 0) return sptep << RMAP_SHIFT;
  const { mem } = t;
  const node = mem[kvm.shadow.rmapFree];
  if (node === 0) throw new Error(`all ${kvm.shadow.rmapNodeCount} nodes of rmap chains are in use`);
  mem[kvm.shadow.rmapFree] = mem[node + 1];
  mem[node] = sptep;
  mem[node + 1] = list;
  return (node << RMAP_SHIFT) | RMAP_MANY;
}

/** pte_list_remove(): a list without one of its entries; its node goes back to the free ones. */
export function listWithout(t: Thread, kvm: Kvm, list: number, sptep: Cell): number {
  const { mem } = t;
  let link = 0;
  let value = list;
  while ((value & RMAP_MANY) !== 0) {
    const node = value >>> RMAP_SHIFT;
    const rest = mem[node + 1];
    const isFirst = mem[node] === sptep;
    if (isFirst || rest === sptep << RMAP_SHIFT) {
      const left = isFirst ? rest : mem[node] << RMAP_SHIFT;
      freeNode(t, kvm, node);
      if (link === 0) return left;
      mem[link] = left;
      return list;
    }
    link = node + 1;
    value = rest;
  }
  // pte_list_remove() BUGs too: an entry that maps memory is in the rmap of that memory.
  if (link !== 0 || value !== sptep << RMAP_SHIFT) throw new Error(`entry ${sptep} is not in its rmap`);
  return 0;
}

/** mmu_free_pte_list_desc() of the first node of a list, if it has one. */
export function rmapFreeFirst(t: Thread, kvm: Kvm, value: number): void {
  if ((value & RMAP_MANY) !== 0) freeNode(t, kvm, value >>> RMAP_SHIFT);
}

function freeNode(t: Thread, kvm: Kvm, node: Cell): void {
  t.mem[node + 1] = t.mem[kvm.shadow.rmapFree];
  t.mem[kvm.shadow.rmapFree] = node;
}

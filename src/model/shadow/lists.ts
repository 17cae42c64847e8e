/**
 * Lists of shadow pages: active_mmu_pages, mmu_page_hash, and pages on their way out. All belong to whoever
 * holds mmu_lock for write.
 */
import type { Kvm } from '../kvm.js';
import type { Cell, Thread } from '../operations.js';
import { isObsoleteSp, Role, Sp } from './layout.js';

/** list_add(&sp->link, &kvm->arch.active_mmu_pages): the newest is the first. */
export function activeAdd(t: Thread, kvm: Kvm, sp: Cell): void {
  const { mem } = t;
  const { activeHead, activeTail } = kvm.shadow;
  const first = mem[activeHead];
  mem[sp + Sp.next] = first;
  mem[sp + Sp.prev] = 0;
  if (first === 0) mem[activeTail] = sp;
  else mem[first + Sp.prev] = sp;
  mem[activeHead] = sp;
}

/** list_del(&sp->link) */
export function activeDel(t: Thread, kvm: Kvm, sp: Cell): void {
  const { mem } = t;
  const next = mem[sp + Sp.next];
  const prev = mem[sp + Sp.prev];
  if (prev === 0) mem[kvm.shadow.activeHead] = next;
  else mem[prev + Sp.next] = next;
  if (next === 0) mem[kvm.shadow.activeTail] = prev;
  else mem[next + Sp.prev] = prev;
}

/** list_add() to an invalid list, or to the free pages: `list` holds the first. */
export function pushPage(t: Thread, list: Cell, sp: Cell): void {
  t.mem[sp + Sp.next] = t.mem[list];
  t.mem[list] = sp;
}

/** Takes the first of such a list off it; 0 when it is empty. */
export function popPage(t: Thread, list: Cell): Cell {
  const sp = t.mem[list];
  if (sp !== 0) t.mem[list] = t.mem[sp + Sp.next];
  return sp;
}

/** kvm_page_table_hashfn() */
function bucketOf(kvm: Kvm, gfn: number): Cell {
  return kvm.shadow.hash + (gfn & (kvm.shadow.hashBuckets - 1));
}

/** hlist_add_head(&sp->hash_link, ...) */
export function hashAdd(t: Thread, kvm: Kvm, sp: Cell): void {
  const bucket = bucketOf(kvm, t.mem[sp + Sp.gfn]);
  t.mem[sp + Sp.hashNext] = t.mem[bucket];
  t.mem[bucket] = sp;
}

/** hlist_del(&sp->hash_link) */
export function hashDel(t: Thread, kvm: Kvm, sp: Cell): void {
  let link = bucketOf(kvm, t.mem[sp + Sp.gfn]);
  while (t.mem[link] !== sp) link = t.mem[link] + Sp.hashNext;
  t.mem[link] = t.mem[sp + Sp.hashNext];
}

/** for_each_valid_sp() with a gfn: the first page that is not obsolete. */
export function firstValidSp(t: Thread, kvm: Kvm, gfn: number): Cell {
  return validFrom(t, kvm, t.mem[bucketOf(kvm, gfn)], gfn);
}

/** The next one. */
export function nextValidSp(t: Thread, kvm: Kvm, sp: Cell): Cell {
  return validFrom(t, kvm, t.mem[sp + Sp.hashNext], t.mem[sp + Sp.gfn]);
}

function validFrom(t: Thread, kvm: Kvm, from: Cell, gfn: number): Cell {
  let sp = from;
  while (sp !== 0 && (t.mem[sp + Sp.gfn] !== gfn || isObsoleteSp(t, kvm, sp))) sp = t.mem[sp + Sp.hashNext];
  return sp;
}

/** sp_has_gptes(): it shadows a table of the guest. */
export function hasGptes(t: Thread, sp: Cell): boolean {
  return (t.mem[sp + Sp.role] & Role.Direct) === 0;
}

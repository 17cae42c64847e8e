/**
 * The rmap-based MMU on a machine with one thread, and
 * what must always be true of its pages, chains and lists.
 */
import type { Kvm, Vcpu } from '../kvm.js';
import type { MachineConfig } from '../machine.js';
import type { Step } from '../operations.js';
import type { RetPf } from '../page-fault-struct.js';
import { kvmMmuPageFault } from '../page-fault.js';
import { entryIndex, pagesPerEntry, tableCell } from '../page-tables.js';
import type { PolicyChange } from '../policies.js';
import { resolvePolicy } from '../resolve-policy.js';
import { Role, Sp } from '../shadow/layout.js';
import { shadowFreeRoot, shadowLoadRoot } from '../shadow/shadow-roots.js';
import { frameOf, isLeaf, isPresent, isTable } from '../spte.js';
import { aloneOn, type Alone } from './host-machine.js';

/** A compiled coroutine returns its result itself; the type says otherwise (see Step).
 *
 * @internal for tests
 */
export function run<T>(result: Step<T>): T {
  return result as unknown as T;
}

/** Small tables, so that a few pages need many; every vCPU has loaded its root.
 *
 * @internal for tests
 */
export function shadowOn(
  config: Partial<MachineConfig> & { pages?: number; change?: PolicyChange; kernel?: string },
): Alone & { vcpu: Vcpu } {
  const { change = {}, kernel = 'v7.3', ...rest } = config;
  const policy = resolvePolicy(kernel, { mmu: 'shadow', ...change });
  const geometry = { bits: 2, levels: 3 };
  const populated = { huge: false, nodeOf: () => 0 };
  const alone = aloneOn({ pages: 32, geometry, populated, roots: 3, ...rest, policy });
  const [vcpu] = alone.kvm.vcpus;
  if (vcpu === undefined) throw new Error('no vCPU');
  for (const each of alone.kvm.vcpus) run(shadowLoadRoot(alone.t, each));
  return { ...alone, vcpu };
}

/** What a guest that touches a page makes KVM do. `present` as its processor would say.
 *
 * @internal for tests
 */
export function touch(alone: Alone, vcpu: Vcpu, page: number, write = 1): RetPf {
  const present = isLeaf(translationOf(alone.mem, alone.kvm, vcpu, page)) ? 1 : 0;
  return run(kvmMmuPageFault(alone.t, vcpu, page, write, present));
}

/** vcpu_enter_guest() as far as roots go: leaves an obsolete one and loads another.
 *
 * @internal for tests
 */
export function reload({ t, mem }: Alone, vcpu: Vcpu): void {
  run(shadowFreeRoot(t, vcpu));
  if (mem[vcpu.root] === 0) run(shadowLoadRoot(t, vcpu));
}

/** The entry that ends a walk of the vCPU's tables.
 *
 * @internal for tests
 */
export function translationOf(mem: Int32Array, kvm: Kvm, vcpu: Vcpu, page: number): number {
  const root = kvm.roots[(mem[vcpu.root] ?? 0) - 1];
  let table = root === undefined ? 0 : (mem[root.table] ?? 0);
  for (let level = kvm.geometry.levels; level > 0 && table !== 0; level--) {
    const spte = mem[tableCell(kvm, table) + entryIndex(kvm, page, level)] ?? 0;
    if (!isTable(spte)) return spte;
    table = frameOf(spte);
  }
  return 0;
}

/** Makes mmu_lock look contended, or not, for as long as nobody takes the slow path.
 *
 * @internal for tests
 */
export function setContended({ kvm, mem }: Alone, contended: boolean): void {
  const { tail, head } = kvm.mmuLock.waitLock;
  mem[tail] = (mem[head] ?? 0) + (contended ? 1 : 0);
}

/** Runs something once, when the thread is about to take a mmu_lock again that it had for write and let go.
 *
 * @internal for tests
 */
export function atFirstUnlock({ t, kvm, mem }: Alone, act: () => void): void {
  const { cnts } = kvm.mmuLock;
  let locked = false;
  t.onAccess = (cell) => {
    if (mem[cnts] !== 0) locked = true;
    if (cell !== cnts || mem[cnts] !== 0 || !locked) return;
    t.onAccess = undefined;
    act();
  };
}

/** Cells in a list of an rmap head or of parent_ptes, in its order.
 *
 * @internal for tests
 */
export function chainOf(mem: Int32Array, head: number): number[] {
  const sptes: number[] = [];
  let value = mem[head] ?? 0;
  while (value !== 0) {
    const cell = value >>> 2;
    sptes.push((value & 1) === 0 ? cell : (mem[cell] ?? 0));
    value = (value & 1) === 0 ? 0 : (mem[cell + 1] ?? 0);
  }
  return sptes;
}

/** Shadow pages in use, the newest first.
 *
 * @internal for tests
 */
export function activePages({ kvm, mem }: Alone): number[] {
  const pages: number[] = [];
  for (let sp = mem[kvm.shadow.activeHead] ?? 0; sp !== 0; sp = mem[sp + Sp.next] ?? 0) pages.push(sp);
  return pages;
}

/** What does not hold together, in words; empty when all is well. No invalid list may be pending.
 *
 * @internal for tests
 */
export function shadowFaults(alone: Alone): string[] {
  const { kvm, mem } = alone;
  const { shadow } = kvm;
  const wrong: string[] = [];
  const held = [...new Set(kvm.roots.map(({ table }) => mem[table] ?? 0))]
    .filter((table) => table !== 0)
    .map((table) => mem[shadow.tableOwners + table] ?? 0);
  const pages = [...new Set([...activePages(alone), ...held])];
  if (mem[shadow.usedPages] !== pages.length)
    wrong.push(`${mem[shadow.usedPages]} pages counted, ${pages.length} in use`);
  if (pages.length + listLength(mem, shadow.freeHead, Sp.next) !== shadow.pageCount)
    wrong.push('pages are lost');
  const tables = listLength(mem, kvm.tables.free, 0, (index) => tableCell(kvm, index));
  if (tables + pages.length !== kvm.tables.count) wrong.push('tables are lost');
  const chained = checkEntries(alone, pages, wrong);
  const nodes = listLength(mem, shadow.rmapFree, 1);
  if (nodes + chained !== shadow.rmapNodeCount) {
    wrong.push(`${nodes} nodes are free and ${chained} in chains, of ${shadow.rmapNodeCount}`);
  }
  return wrong;
}

function listLength(
  mem: Int32Array,
  head: number,
  link: number,
  cellOf = (value: number): number => value,
): number {
  let length = 0;
  for (let value = mem[head] ?? 0; value !== 0; value = mem[cellOf(value) + link] ?? 0) length++;
  return length;
}

/**
 * Each leaf is in its rmap and each link in the parents
 * of its page, and nothing else is. Returns nodes in use.
 */
function checkEntries({ kvm, mem }: Alone, pages: number[], wrong: string[]): number {
  const { shadow } = kvm;
  const expected = new Map<number, number[]>();
  const note = (head: number, sptep: number): void => {
    expected.set(head, [...(expected.get(head) ?? []), sptep]);
  };
  for (const sp of pages) {
    const role = mem[sp + Sp.role] ?? 0;
    const level = role & Role.Level;
    const first = tableCell(kvm, mem[sp + Sp.table] ?? 0);
    for (let index = 0; index < 1 << kvm.geometry.bits; index++) {
      const spte = mem[first + index] ?? 0;
      if (isTable(spte)) note((mem[shadow.tableOwners + frameOf(spte)] ?? 0) + Sp.parentPtes, first + index);
      if (!isLeaf(spte)) continue;
      const direct = (mem[sp + Sp.gfn] ?? 0) + index * pagesPerEntry(kvm, level);
      const gfn =
        (role & Role.Direct) !== 0
          ? direct
          : frameOf(mem[shadow.translations + first + index - kvm.tables.first] ?? 0);
      const slot = kvm.slots.find(({ baseGfn, pages: size }) => gfn >= baseGfn && gfn < baseGfn + size);
      const shift = kvm.geometry.bits * (level - 1);
      if (slot !== undefined)
        note((slot.rmap[level - 1] ?? 0) + (gfn >>> shift) - (slot.baseGfn >>> shift), first + index);
    }
  }
  let nodes = 0;
  const heads = new Set([...expected.keys(), ...pages.map((sp) => sp + Sp.parentPtes), ...rmapHeads(kvm)]);
  for (const head of heads) {
    const chain = chainOf(mem, head);
    nodes += Math.max(0, chain.length - 1);
    const wanted = (expected.get(head) ?? []).toSorted((a, b) => a - b);
    const found = chain.toSorted((a, b) => a - b);
    if (wanted.join() !== found.join())
      wrong.push(`head ${head} has [${found.join()}], not [${wanted.join()}]`);
    if (chain.some((sptep) => !isPresent(mem[sptep] ?? 0)))
      wrong.push(`head ${head} leads to an empty entry`);
  }
  return nodes;
}

function rmapHeads({ slots, geometry }: Kvm): number[] {
  return slots.flatMap(({ rmap, baseGfn, pages }) =>
    rmap.flatMap((first, index) => {
      const shift = geometry.bits * index;
      const count = ((baseGfn + pages - 1) >>> shift) - (baseGfn >>> shift) + 1;
      return Array.from({ length: count }, (_, place) => first + place);
    }),
  );
}

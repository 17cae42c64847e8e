/** The operations of the dirty-log storm: what each of its threads reads and clears. */
import { MAP_ANONYMOUS, MAP_PRIVATE, mmap, munmap, PROT_READ, PROT_WRITE, viewOf } from '../../ffi/libc.js';
import { quickIoctl } from '../../ffi/quick.js';
import { KvmCalls } from '../../kvm/ioctls.js';
import type { SlotInfo } from '../../types.js';
import type { DirtyRing, StormContext } from '../types.js';
import { PAGE } from '../pages.js';
import { type MemoryRange, type Operations, type ThreadTask } from './kind.js';

type Vm = NonNullable<StormContext['vm']>;

/** KVM_CLEAR_DIRTY_LOG begins at a multiple of so many pages, and ends at one or with the slot. */
const CLEAR_PAGES = 64;
/** struct kvm_dirty_gfn: flags, slot, offset; and its flags. */
const ENTRY_WORDS = 4;
const DIRTY = 1;
const RESET = 2;

export function overlaps({ hva, bytes }: SlotInfo, range: MemoryRange): boolean {
  return Number(hva) < range.address + range.bytes && range.address < Number(hva) + bytes;
}

/** The part of a slot that a thread reads, and the bitmap of all of it. */
interface SlotPart {
  /** Pages of the slot. */
  readonly first: number;
  readonly end: number;
  readonly words: Uint32Array;
  readonly address: bigint;
  readonly mapped: number;
  /** Arguments of both ioctls. */
  readonly get: Uint8Array;
  readonly clear: DataView;
}

function partOf(slot: SlotInfo, { address, bytes }: MemoryRange): SlotPart {
  const pages = slot.bytes / PAGE;
  const start = (address - Number(slot.hva)) / PAGE;
  const up = (page: number): number => Math.ceil(page / CLEAR_PAGES) * CLEAR_PAGES;
  const first = Math.max(0, Math.floor(start / CLEAR_PAGES) * CLEAR_PAGES);
  const end = Math.min(pages, up(start + bytes / PAGE));
  const mapped = Math.ceil(up(pages) / 8 / PAGE) * PAGE;
  const bitmap = mmap(mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  const get = new DataView(new ArrayBuffer(16));
  get.setUint32(0, slot.slot, true);
  get.setBigUint64(8, bitmap, true);
  const clear = new DataView(new ArrayBuffer(24));
  clear.setUint32(0, slot.slot, true);
  const words = new Uint32Array(viewOf(bitmap, up(pages) / 8));
  return { first, end, words, address: bitmap, mapped, get: new Uint8Array(get.buffer), clear };
}

/** @param manual whether reading leaves it to us to clear */
export function readBitmaps(
  task: Pick<ThreadTask, 'steps'>,
  vm: Vm,
  manual: boolean,
  effects: Float64Array,
): Operations {
  const { steps } = task;
  const range = { address: steps.firstPage * PAGE, bytes: steps.pages * PAGE };
  const parts = vm.slots.filter((slot) => overlaps(slot, range)).map((slot) => partOf(slot, range));
  const step = Math.max(1, Math.floor(steps.stepPages / CLEAR_PAGES)) * CLEAR_PAGES;
  const readAndClear = (part: SlotPart): number => {
    const refused = quickIoctl(vm.fd, KvmCalls.GetDirtyLog.request, part.get);
    if (refused !== 0) return refused;
    for (let page = part.first; page < part.end; page += step) {
      const end = Math.min(page + step, part.end);
      const dirty = bitsIn(part.words, page / 32, Math.ceil(end / 32));
      effects[0] += dirty;
      if (dirty === 0 || !manual) continue;
      part.clear.setUint32(4, end - page, true);
      part.clear.setBigUint64(8, BigInt(page), true);
      part.clear.setBigUint64(16, part.address + BigInt(page / 8), true);
      const kept = quickIoctl(vm.fd, KvmCalls.ClearDirtyLog.request, new Uint8Array(part.clear.buffer));
      if (kept !== 0) return kept;
    }
    return 0;
  };
  return {
    run() {
      for (const part of parts) {
        const refused = readAndClear(part);
        if (refused !== 0) return refused;
      }
      return 0;
    },
    end() {
      for (const { address, mapped } of parts) munmap(address, mapped);
    },
  };
}

function bitsIn(words: Uint32Array, from: number, to: number): number {
  let bits = 0;
  for (let index = from; index < to; index++) {
    let word = words[index];
    if (word === 0) continue;
    word -= (word >>> 1) & 0x5555_5555;
    word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333);
    bits += Math.imul((word + (word >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
  }
  return bits;
}

/** Takes what the vCPUs have put into every n-th ring; KVM protects those pages again when it is told to. */
export function readRings(
  { storm, copy }: ThreadTask<'dirty-log'>,
  vm: Vm,
  effects: Float64Array,
): Operations {
  const rings = (vm.dirtyRings ?? []).filter((_, index) => index % storm.threads === copy).map(openRing);
  const nothing = new Uint8Array(8);
  return {
    run() {
      let taken = 0;
      for (const ring of rings) taken += takeAll(ring);
      effects[0] += taken;
      return taken === 0 ? 0 : quickIoctl(vm.fd, KvmCalls.ResetDirtyRings.request, nothing);
    },
  };
}

interface Ring {
  readonly words: Int32Array;
  readonly entries: number;
  /** Entry that is taken next. */
  next: number;
}

function openRing({ address, entries }: DirtyRing): Ring {
  return { words: new Int32Array(viewOf(address, entries * ENTRY_WORDS * 4)), entries, next: 0 };
}

/** @returns how many entries there were */
function takeAll(ring: Ring): number {
  for (let taken = 0; taken < ring.entries; taken++) {
    const at = ring.next * ENTRY_WORDS;
    if (Atomics.load(ring.words, at) !== DIRTY) return taken;
    Atomics.store(ring.words, at, RESET);
    ring.next = (ring.next + 1) % ring.entries;
  }
  return ring.entries;
}

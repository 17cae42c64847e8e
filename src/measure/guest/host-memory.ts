/** The guest's memory in this process: which pages of the host it is made of. */
import { readFileSync } from 'node:fs';
import { MachineError } from '../../trace/errors.js';
import { closeFd, madvise, memfd, mmap, munmap, syscall } from '../ffi/libc.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_HUGETLB,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
  viewOf,
} from '../ffi/libc.js';
import { SystemError } from '../ffi/errno.js';
import { PAGE_BYTES, roundUp } from '../kvm/units.js';
import type { GuestSpec } from '../types.js';
import { HUGE_BYTES } from './layout.js';

const MADV_HUGEPAGE = 14;
const MADV_NOHUGEPAGE = 15;
const MADV_POPULATE_WRITE = 23;
const MFD_HUGETLB = 4;
const SYS_MBIND = 237;
const MPOL_BIND = 2;
const MPOL_INTERLEAVE = 3;
/** What the process itself and the kernel need besides. */
const SPARE_BYTES = 256 * 2 ** 20;

/** Memory that is mapped, and how to give it back. */
export interface HostMemory {
  readonly address: bigint;
  readonly bytes: number;
  free(): void;
}

/**
 * Whether the host has room for a guest; nothing is changed.
 *
 * @param control bytes of control memory
 * @throws MachineError
 */
export function expectRoom({ memory, backing }: GuestSpec, control: number): void {
  const mib = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
  if (backing === 'hugetlb') {
    const file = '/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages';
    const free = Number(readFileSync(file, 'utf8'));
    const needed = memory / HUGE_BYTES;
    if (free < needed) {
      throw new MachineError(
        `the guest needs ${needed} huge pages and ${free} are reserved: ` +
          `write ${needed} to /proc/sys/vm/nr_hugepages`,
      );
    }
  }
  const available = availableBytes();
  const needed = (backing === 'hugetlb' ? 0 : memory) + control + SPARE_BYTES;
  if (needed > available) {
    throw new MachineError(
      `the guest needs ${mib(needed)} MiB and the host has ${mib(available)} MiB available: ` +
        'give it less memory',
    );
  }
}

function availableBytes(): number {
  const line = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'));
  return line === null ? Infinity : Number(line[1]) * 1024;
}

/** @throws SystemError when the kernel refuses a step; nothing stays mapped then */
export function mapGuestMemory(spec: GuestSpec, nodes: number): HostMemory {
  const memory = mapPages(spec);
  try {
    if (spec.backing !== 'hugetlb') {
      madvise(memory.address, memory.bytes, spec.backing === 'thp' ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    }
    if (nodes > 1 && spec.placement !== 'first-touch') place(memory, spec.placement, nodes);
    if (spec.prefault) populate(memory);
  } catch (error) {
    memory.free();
    throw error;
  }
  return memory;
}

/** Control memory: private, all there, and aligned to 2 MiB. */
export function mapControlMemory(bytes: number): HostMemory {
  const memory = aligned(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  madvise(memory.address, bytes, MADV_HUGEPAGE);
  populate(memory);
  return memory;
}

function mapPages({ memory, backing, sharing }: GuestSpec): HostMemory {
  const huge = backing === 'hugetlb';
  if (sharing === 'private') {
    return aligned(memory, MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : MAP_NORESERVE), -1);
  }
  const fd = memfd('faultline-guest', memory, huge ? MFD_HUGETLB : 0);
  try {
    return aligned(memory, MAP_SHARED, fd);
  } finally {
    closeFd(fd);
  }
}

/** Aligned to 2 MiB, so that huge pages of the host can be huge pages of the guest. */
function aligned(bytes: number, flags: number, fd: number): HostMemory {
  const room = roundUp(bytes, HUGE_BYTES) + HUGE_BYTES;
  const reserved = mmap(room, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  const address = (reserved + BigInt(HUGE_BYTES - 1)) & ~BigInt(HUGE_BYTES - 1);
  try {
    mmap(bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0, address);
  } catch (error) {
    munmap(reserved, room);
    throw error;
  }
  return { address, bytes, free: () => munmap(reserved, room) };
}

/** All pages are there afterwards. Before Linux 5.14 by writing to each. */
function populate({ address, bytes }: HostMemory): void {
  try {
    madvise(address, bytes, MADV_POPULATE_WRITE);
  } catch (error) {
    if (!(error instanceof SystemError) || !error.is('EINVAL')) throw error;
    const view = new Uint8Array(viewOf(address, bytes));
    for (let at = 0; at < bytes; at += PAGE_BYTES) view[at] = 0;
  }
}

/** mbind(2): pages that come later come from these nodes. */
function place({ address, bytes }: HostMemory, placement: 'interleave' | 'one-node', nodes: number): void {
  const mask = mmap(PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  try {
    const words = new DataView(viewOf(mask, PAGE_BYTES));
    const bits = placement === 'interleave' ? (1n << BigInt(nodes)) - 1n : 1n;
    words.setBigUint64(0, bits, true);
    const mode = placement === 'interleave' ? MPOL_INTERLEAVE : MPOL_BIND;
    syscall('mbind', SYS_MBIND, address, bytes, mode, mask, 64, 0);
  } finally {
    munmap(mask, PAGE_BYTES);
  }
}

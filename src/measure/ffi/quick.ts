/**
 * Calls for loops that must cost what they cost in C: numbers in, the errno out (0: it worked), no text,
 * no exceptions. Addresses of user space have at most 56 bits, and those that the kernel chooses 47, so as
 * numbers they are whole.
 */
import koffi from 'koffi';

const library = koffi.load('libc.so.6');

interface Calls {
  mremap(at: number, from: number, to: number, flags: number, place: number): number | bigint;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  movePages(
    number: number,
    pid: number,
    count: number,
    pages: Uint8Array,
    nodes: Uint8Array | null,
    status: Uint8Array,
    flags: number,
  ): number | bigint;
  mbind(
    number: number,
    at: number,
    length: number,
    mode: number,
    mask: Uint8Array,
    bits: number,
    flags: number,
  ): number | bigint;
  setAffinity(tid: number, bytes: number, mask: Uint8Array): number;
}

const native: Calls = {
  mremap: library.func('int64_t mremap(uint64_t at, size_t from, size_t to, int flags, uint64_t place)'),
  ioctl: library.func('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)'),
  // These two have no function in the C library.
  movePages: library.func(
    'int64_t syscall(int64_t number, int pid, unsigned long count, _Inout_ uint8_t *pages, ' +
      '_Inout_ uint8_t *nodes, _Inout_ uint8_t *status, int flags)',
  ),
  mbind: library.func(
    'int64_t syscall(int64_t number, uint64_t at, unsigned long length, int mode, _Inout_ uint8_t *mask, ' +
      'unsigned long bits, unsigned int flags)',
  ),
  setAffinity: library.func('int sched_setaffinity(int tid, size_t bytes, _Inout_ uint8_t *mask)'),
};

const SYS_MBIND = 237;
const SYS_MOVE_PAGES = 279;

const errnoOf = (result: number | bigint): number => (Number(result) === -1 ? koffi.errno() : 0);

/** mremap(2) to a place of the same length. */
export function quickMremap(address: number, length: number, flags: number, place: number): number {
  return errnoOf(native.mremap(address, length, length, flags, place));
}

/** ioctl(2) with a buffer that the kernel reads and writes. */
export function quickIoctl(fd: number, request: number, argument: Uint8Array): number {
  return native.ioctl(fd, request, argument) < 0 ? koffi.errno() : 0;
}

/**
 * move_pages(2) of this process.
 *
 * @param pages addresses, 8 bytes each
 * @param nodes where each is to go, 4 bytes each; undefined: only ask where they are
 * @param status node of each page or a negative errno, 4 bytes each; written
 */
export function quickMovePages(
  count: number,
  pages: Uint8Array,
  nodes: Uint8Array | undefined,
  status: Uint8Array,
  flags: number,
): number {
  // The number of pages that could not be moved is no error of the call.
  return errnoOf(native.movePages(SYS_MOVE_PAGES, 0, count, pages, nodes ?? null, status, flags));
}

/** mbind(2). @param mask of nodes, one bit each */
export function quickMbind(
  address: number,
  length: number,
  mode: number,
  mask: Uint8Array,
  flags: number,
): number {
  return errnoOf(native.mbind(SYS_MBIND, address, length, mode, mask, mask.length * 8, flags));
}

/** Keeps the calling thread on one CPU. */
export function pinThisThread(cpu: number): number {
  const mask = new Uint8Array(Math.ceil((cpu + 1) / 64) * 8);
  mask[cpu >> 3] = 1 << (cpu & 7);
  return errnoOf(native.setAffinity(0, mask.length, mask));
}

/** A function at an address: machine code of our own. @param signature of C, with a name */
export function functionAt(address: bigint, signature: string): (...args: readonly number[]) => number {
  const call = koffi.decode(address, koffi.proto(signature)) as (
    ...args: readonly number[]
  ) => number | bigint;
  return (...args) => Number(call(...args));
}

/** Where a SharedArrayBuffer's words are; they stay there as long as it lives. */
export function addressOfShared(words: Int32Array<SharedArrayBuffer>): number {
  return Number(koffi.address(words));
}

/**
 * The C library through koffi. Addresses are bigints and whole; buffers are Uint8Arrays, which koffi
 * passes without a copy. Every thread that imports this has its own binding, so errno is that of the thread.
 */
import { constants } from 'node:os';
import koffi from 'koffi';
import { SystemError } from './errno.js';

const library = koffi.load('libc.so.6');

/** One function of the C library; `checked` calls it. */
type Native = (...args: readonly unknown[]) => number | bigint;

function declare(signature: string): Native {
  return library.func(signature);
}

const native = {
  mmap: declare('int64_t mmap(uint64_t addr, size_t length, int prot, int flags, int fd, int64_t offset)'),
  munmap: declare('int munmap(uint64_t addr, size_t length)'),
  madvise: declare('int madvise(uint64_t addr, size_t length, int advice)'),
  mprotect: declare('int mprotect(uint64_t addr, size_t length, int prot)'),
  ioctl: declare('int ioctl(int fd, unsigned long request, uint64_t argument)'),
  ioctlBytes: declare('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)'),
  syscall: declare(
    'int64_t syscall(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)',
  ),
  gettid: declare('int gettid()'),
  close: declare('int close(int fd)'),
  memfd: declare('int memfd_create(const char *name, unsigned int flags)'),
  ftruncate: declare('int ftruncate(int fd, int64_t length)'),
  affinity: declare('int sched_setaffinity(int pid, size_t size, const uint8_t *mask)'),
  flock: declare('int flock(int fd, int operation)'),
  mount: declare(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, uint64_t data)',
  ),
  umount: declare('int umount2(const char *target, int flags)'),
};

export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_NORESERVE = 0x4000;
export const MAP_HUGETLB = 0x40000;

/** Throws when `result` says that the call failed. */
function checked(result: number | bigint, call: string, args: string): number | bigint {
  if (result === -1 || result === -1n) throw new SystemError(call, args, koffi.errno());
  return result;
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** mmap(2). @returns the address */
export function mmap(length: number, prot: number, flags: number, fd = -1, offset = 0, at = 0n): bigint {
  const result = native.mmap(at, length, prot, flags, fd, offset);
  const args = `${hex(at)}, ${length}, ${hex(prot)}, ${hex(flags)}, ${fd}, ${offset}`;
  return BigInt.asUintN(64, BigInt(checked(result, 'mmap', args)));
}

/** munmap(2). */
export function munmap(address: bigint, length: number): void {
  checked(native.munmap(address, length), 'munmap', `${hex(address)}, ${length}`);
}

/** madvise(2). @param advice MADV_* as a number */
export function madvise(address: bigint, length: number, advice: number): void {
  checked(native.madvise(address, length, advice), 'madvise', `${hex(address)}, ${length}, ${advice}`);
}

/** mprotect(2). */
export function mprotect(address: bigint, length: number, prot: number): void {
  checked(native.mprotect(address, length, prot), 'mprotect', `${hex(address)}, ${length}, ${hex(prot)}`);
}

/**
 * ioctl(2) with a number or a buffer that the kernel reads and writes.
 *
 * @param name of the ioctl, for the error
 * @returns what the kernel returned, never negative
 */
export function ioctl(
  name: string,
  fd: number,
  request: number,
  argument: number | bigint | Uint8Array,
): number {
  const bytes = argument instanceof Uint8Array;
  const result = bytes
    ? native.ioctlBytes(fd, request, argument)
    : native.ioctl(fd, request, BigInt.asUintN(64, BigInt(argument)));
  if (result === -1) {
    const args = bytes ? `fd ${fd}, ${argument.length} bytes` : `fd ${fd}, ${hex(argument)}`;
    throw new SystemError(name, args, koffi.errno());
  }
  return Number(result);
}

/**
 * Any system call by number.
 *
 * @param name for the error
 * @param args up to six: numbers, addresses
 */
export function syscall(name: string, number: number, ...args: readonly (number | bigint)[]): number {
  const words = [0, 1, 2, 3, 4, 5].map((i) => BigInt.asUintN(64, BigInt(args[i] ?? 0)));
  const result = native.syscall(number, ...words);
  return Number(checked(result, name, args.map((each) => each.toString()).join(', ')));
}

/** gettid(2): the calling thread, as tracepoints name it. */
export function gettid(): number {
  return Number(native.gettid());
}

/** close(2). */
export function closeFd(fd: number): void {
  checked(native.close(fd), 'close', `${fd}`);
}

/** flock(2). @returns false when somebody else holds the lock and `operation` does not wait for it */
export function flock(fd: number, operation: number): boolean {
  const result = native.flock(fd, operation);
  if (result === -1 && koffi.errno() === constants.errno.EWOULDBLOCK) return false;
  checked(result, 'flock', `${fd}, ${operation}`);
  return true;
}

/** mount(2) without flags. */
export function mount(source: string, target: string, type: string): void {
  checked(native.mount(source, target, type, 0, 0), 'mount', `${source}, ${target}, ${type}`);
}

/** umount2(2) without flags: EBUSY while anybody uses the mount. */
export function umount(path: string): void {
  checked(native.umount(path, 0), 'umount', path);
}

/** memfd_create(2) of the given size. @returns the file descriptor */
export function memfd(name: string, length: number, flags = 0): number {
  const fd = Number(checked(native.memfd(name, flags), 'memfd_create', `${name}, ${hex(flags)}`));
  checked(native.ftruncate(fd, length), 'ftruncate', `${fd}, ${length}`);
  return fd;
}

/** Memory at an address, shared with whoever else has it mapped; never outlives the mapping. */
export function viewOf(address: bigint, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

/** sched_setaffinity(2) of the calling thread. */
export function pinToCpu(cpu: number): void {
  const mask = new Uint8Array(128);
  mask[cpu >> 3] = 1 << (cpu & 7);
  checked(native.affinity(0, mask.length, mask), 'sched_setaffinity', `0, CPU ${cpu}`);
}

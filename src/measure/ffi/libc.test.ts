import { describe, expect, it } from 'vitest';
import { SystemError } from './errno.js';
import { gettid, ioctl, madvise, MAP_ANONYMOUS, MAP_PRIVATE, mmap, munmap, syscall, viewOf } from './libc.js';

describe('libc', () => {
  it('maps memory that JavaScript reads and writes', () => {
    const at = mmap(8192, 3, MAP_PRIVATE | MAP_ANONYMOUS);
    const bytes = new Uint8Array(viewOf(at, 8192));
    bytes[4096] = 7;
    madvise(at, 4096, 4);
    expect(bytes[4096]).toBe(7);
    madvise(at + 4096n, 4096, 4);
    expect(bytes[4096]).toBe(0);
    munmap(at, 8192);
  });

  it('names call, arguments and errno', () => {
    expect(() => madvise(4096n, 4096, 9999)).toThrow(/^madvise\(0x1000, 4096, 9999\): E(INVAL|NOMEM)$/);
    expect(() => ioctl('KVM_RUN', 0, 0xae80, 0)).toThrow(SystemError);
    expect(() => mmap(-1, 3, 0)).toThrow(/^mmap/);
  });

  it('knows the thread', () => {
    expect(syscall('gettid', 186)).toBe(gettid());
  });
});

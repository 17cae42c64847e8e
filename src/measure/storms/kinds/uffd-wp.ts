/**
 * Write protection through userfaultfd, as a background snapshot has it. Since 6.7 the kernel lifts it by
 * itself when the guest writes (UFFD_FEATURE_WP_ASYNC). Before, somebody must: then each operation lifts
 * its protection at its end, and a vCPU that wrote in between waits until then.
 */
import { existsSync, openSync, closeSync } from 'node:fs';
import { SystemError } from '../../ffi/errno.js';
import { closeFd, ioctl, syscall } from '../../ffi/libc.js';
import { quickIoctl } from '../../ffi/quick.js';
import { Walk } from '../walk.js';
import { PAGE } from '../pages.js';
import { type Kind } from './kind.js';

/** include/uapi/linux/userfaultfd.h. */
const UFFD_API = 0xaa;
const UFFDIO_API = 0xc018_aa3f;
const UFFDIO_REGISTER = 0xc020_aa00;
const UFFDIO_UNREGISTER = 0x8010_aa01;
const UFFDIO_WRITEPROTECT = 0xc018_aa06;
const USERFAULTFD_IOC_NEW = 0xaa00;
const REGISTER_MODE_WP = 2;
const WRITEPROTECT_MODE_WP = 1n;
const FEATURE_PAGEFAULT_FLAG_WP = 1n;
const FEATURE_WP_HUGETLBFS_SHMEM = 1n << 12n;
const FEATURE_WP_ASYNC = 1n << 15n;

const SYS_USERFAULTFD = 323;
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const DEVICE = '/dev/userfaultfd';

/** A userfaultfd that sees accesses of the kernel too, which those of KVM are. */
function openUserfaultfd(): number {
  const flags = O_CLOEXEC | O_NONBLOCK;
  try {
    return syscall('userfaultfd', SYS_USERFAULTFD, flags);
  } catch (error) {
    if (!(error instanceof SystemError && error.is('EPERM') && existsSync(DEVICE))) throw error;
  }
  const device = openSync(DEVICE, 'r+');
  try {
    return ioctl('USERFAULTFD_IOC_NEW', device, USERFAULTFD_IOC_NEW, flags);
  } finally {
    closeSync(device);
  }
}

/** Agrees on features with the kernel. @returns whether the kernel lifts protection by itself */
function negotiate(fd: number): boolean {
  // A kernel that does not have all of the features refuses, and the descriptor can be asked again.
  for (const asynchronous of [true, false]) {
    const wanted =
      FEATURE_PAGEFAULT_FLAG_WP | (asynchronous ? FEATURE_WP_ASYNC | FEATURE_WP_HUGETLBFS_SHMEM : 0n);
    const api = new BigUint64Array([BigInt(UFFD_API), wanted, 0n]);
    if (quickIoctl(fd, UFFDIO_API, new Uint8Array(api.buffer)) === 0) return asynchronous;
  }
  throw new Error('this kernel has userfaultfd without write protection');
}

function whyNot(): string | undefined {
  let fd: number | undefined;
  try {
    fd = openUserfaultfd();
    negotiate(fd);
    return undefined;
  } catch (error) {
    if (error instanceof SystemError && error.is('EPERM'))
      return (
        'userfaultfd is not permitted ' +
        '(CAP_SYS_PTRACE, access to /dev/userfaultfd, or vm.unprivileged_userfaultfd=1)'
      );
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (fd !== undefined) closeFd(fd);
  }
}

export const uffdWp: Kind<'uffd-wp'> = {
  unsupported: whyNot,
  operations({ steps }) {
    const fd = openUserfaultfd();
    const liftsItself = negotiate(fd);
    const whole = [BigInt(steps.firstPage * PAGE), BigInt(steps.pages * PAGE)];
    ioctl(
      'UFFDIO_REGISTER',
      fd,
      UFFDIO_REGISTER,
      new Uint8Array(new BigUint64Array([...whole, BigInt(REGISTER_MODE_WP), 0n]).buffer),
    );
    const words = new BigUint64Array(3);
    const argument = new Uint8Array(words.buffer);
    const protect = (mode: bigint): number => {
      words[2] = mode;
      return quickIoctl(fd, UFFDIO_WRITEPROTECT, argument);
    };
    const walk = new Walk(steps);
    return {
      run() {
        walk.next();
        words[0] = BigInt(walk.address);
        words[1] = BigInt(walk.length);
        const refused = protect(WRITEPROTECT_MODE_WP);
        return refused !== 0 || liftsItself ? refused : protect(0n);
      },
      end() {
        const range = new Uint8Array(new BigUint64Array(whole).buffer);
        ioctl('UFFDIO_UNREGISTER', fd, UFFDIO_UNREGISTER, range);
        closeFd(fd);
      },
    };
  },
};

/**
 * The ioctls of KVM that we use, with the numbers of include/uapi/linux/kvm.h: a number is made from its
 * direction, the size of its argument and its place.
 */
import { ioctl } from '../ffi/libc.js';

/** One ioctl: what the kernel calls it, and its number. */
export interface KvmCall {
  readonly name: string;
  readonly request: number;
}

const KVMIO = 0xae;
/** Directions of an argument: as the program sees it. */
const Way = { None: 0, Write: 1, Read: 2, Both: 3 } as const;

function define(name: string, place: number, way: number = Way.None, bytes = 0): KvmCall {
  return { name: `KVM_${name}`, request: way * 2 ** 30 + bytes * 2 ** 16 + KVMIO * 2 ** 8 + place };
}

export const KvmCalls = {
  // Of /dev/kvm.
  GetApiVersion: define('GET_API_VERSION', 0x00),
  CreateVm: define('CREATE_VM', 0x01),
  CheckExtension: define('CHECK_EXTENSION', 0x03),
  GetVcpuMmapSize: define('GET_VCPU_MMAP_SIZE', 0x04),
  GetSupportedCpuid: define('GET_SUPPORTED_CPUID', 0x05, Way.Both, 8),
  // Of a virtual machine.
  CreateVcpu: define('CREATE_VCPU', 0x41),
  GetDirtyLog: define('GET_DIRTY_LOG', 0x42, Way.Write, 16),
  SetUserMemoryRegion: define('SET_USER_MEMORY_REGION', 0x46, Way.Write, 32),
  EnableCap: define('ENABLE_CAP', 0xa3, Way.Write, 104),
  ClearDirtyLog: define('CLEAR_DIRTY_LOG', 0xc0, Way.Both, 24),
  ResetDirtyRings: define('RESET_DIRTY_RINGS', 0xc7),
  // Of a vCPU.
  Run: define('RUN', 0x80),
  SetRegs: define('SET_REGS', 0x82, Way.Write, 144),
  GetSregs: define('GET_SREGS', 0x83, Way.Read, 312),
  SetSregs: define('SET_SREGS', 0x84, Way.Write, 312),
  SetCpuid2: define('SET_CPUID2', 0x90, Way.Write, 8),
  SetMpState: define('SET_MP_STATE', 0x99, Way.Write, 4),
  GetTscKhz: define('GET_TSC_KHZ', 0xa3),
  PreFaultMemory: define('PRE_FAULT_MEMORY', 0xd5, Way.Both, 64),
  // Of both.
  GetStatsFd: define('GET_STATS_FD', 0xce),
} as const;

/** KVM_CAP_* for KVM_CHECK_EXTENSION and KVM_ENABLE_CAP. */
export const Capability = {
  NrMemslots: 10,
  SyncMmu: 16,
  GetTscKhz: 61,
  MaxVcpus: 66,
  ImmediateExit: 136,
  ManualDirtyLogProtect2: 168,
  DirtyLogRing: 192,
  BinaryStatsFd: 203,
  PreFaultMemory: 236,
} as const;

/** KVM_EXIT_*: why KVM_RUN returned. */
export const ExitReason = { Mmio: 6, DirtyRingFull: 31 } as const;

/** Names of the exits that end a guest of ours, for the error. */
export const EXIT_NAMES: Readonly<Record<number, string>> = {
  0: 'KVM_EXIT_UNKNOWN',
  1: 'KVM_EXIT_EXCEPTION',
  2: 'KVM_EXIT_IO',
  5: 'KVM_EXIT_HLT',
  8: 'KVM_EXIT_SHUTDOWN',
  9: 'KVM_EXIT_FAIL_ENTRY',
  17: 'KVM_EXIT_INTERNAL_ERROR',
};

/**
 * One ioctl of KVM.
 *
 * @returns what the kernel returned, never negative
 * @throws SystemError that names the ioctl, its argument and errno
 */
export function kvmCall(fd: number, call: KvmCall, argument: number | bigint | Uint8Array = 0): number {
  return ioctl(call.name, fd, call.request, argument);
}

/**
 * One vCPU: made and set up by the main thread, run by a thread of its own that knows `fd` and `runAddress`.
 */
import { closeFd, MAP_SHARED, mmap, munmap, PROT_READ, PROT_WRITE, viewOf } from '../ffi/libc.js';
import type { KvmStats } from '../types.js';
import type { KvmDevice } from './device.js';
import { kvmCall, KvmCalls } from './ioctls.js';
import { enterUserMode, packRegisters, type Registers } from './registers.js';
import { StatsReader } from './stats.js';

/** KVM_DIRTY_LOG_PAGE_OFFSET: where a vCPU's file has its dirty ring. */
const RING_OFFSET = 64 * 4096;
const MOST_CPUID_ENTRIES = 256;

export class Vcpu {
  readonly fd: number;
  /** The struct kvm_run in this process. */
  readonly runAddress: bigint;
  /** The dirty ring in this process; 0n when there is none. */
  readonly ringAddress: bigint;
  readonly #run: DataView;
  readonly #stats: StatsReader | undefined;

  /** @param ringBytes of the dirty ring that the VM has been given; 0: none */
  constructor(
    private readonly device: KvmDevice,
    vmFd: number,
    readonly id: number,
    private readonly ringBytes: number,
  ) {
    this.fd = kvmCall(vmFd, KvmCalls.CreateVcpu, id);
    const readWrite = PROT_READ | PROT_WRITE;
    this.runAddress = mmap(device.runBytes, readWrite, MAP_SHARED, this.fd);
    this.#run = new DataView(viewOf(this.runAddress, device.runBytes));
    this.ringAddress = ringBytes === 0 ? 0n : mmap(ringBytes, readWrite, MAP_SHARED, this.fd, RING_OFFSET);
    this.#stats = StatsReader.open(device, this.fd);
  }

  /**
   * Ready to run user code.
   *
   * @param pageTable guest physical address of the PML4
   * @param registers general ones and rip
   */
  setUp(pageTable: number, registers: Registers): void {
    kvmCall(this.fd, KvmCalls.SetCpuid2, supportedCpuid(this.device.fd));
    const sregs = new Uint8Array(312);
    kvmCall(this.fd, KvmCalls.GetSregs, sregs);
    enterUserMode(new DataView(sregs.buffer), pageTable);
    kvmCall(this.fd, KvmCalls.SetSregs, sregs);
    kvmCall(this.fd, KvmCalls.SetRegs, packRegisters(registers));
  }

  /** Cycles of the guest's TSC in a millisecond. */
  tscKhz(): number {
    return kvmCall(this.fd, KvmCalls.GetTscKhz);
  }

  /** KVM_RUN returns at once with EINTR, from now on or no longer. The guest itself is not interrupted. */
  set immediateExit(on: boolean) {
    this.#run.setUint8(1, on ? 1 : 0);
  }

  /** KVM_PRE_FAULT_MEMORY: KVM maps this much of the guest's memory as if the vCPU had touched it. */
  preFault(gpa: number, bytes: number): void {
    // struct kvm_pre_fault_memory: gpa, size, flags; the kernel moves the first two on when it is
    // interrupted.
    const range = new DataView(new ArrayBuffer(64));
    range.setBigUint64(0, BigInt(gpa), true);
    range.setBigUint64(8, BigInt(bytes), true);
    while (range.getBigUint64(8, true) > 0n)
      kvmCall(this.fd, KvmCalls.PreFaultMemory, new Uint8Array(range.buffer));
  }

  stats(): KvmStats {
    return this.#stats?.read() ?? {};
  }

  /** Its thread must have ended. */
  close(): void {
    this.#stats?.close();
    munmap(this.runAddress, this.device.runBytes);
    if (this.ringBytes > 0) munmap(this.ringAddress, this.ringBytes);
    closeFd(this.fd);
  }
}

/** A struct kvm_cpuid2 with all that KVM and the host can do: without it, addresses end at 36 bits. */
function supportedCpuid(deviceFd: number): Uint8Array {
  const cpuid = new Uint8Array(8 + 40 * MOST_CPUID_ENTRIES);
  new DataView(cpuid.buffer).setUint32(0, MOST_CPUID_ENTRIES, true);
  kvmCall(deviceFd, KvmCalls.GetSupportedCpuid, cpuid);
  return cpuid;
}

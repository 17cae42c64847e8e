/** One virtual machine of KVM and its memslots. */
import { closeFd } from '../ffi/libc.js';
import type { KvmStats, SlotInfo } from '../types.js';
import type { KvmDevice } from './device.js';
import { Capability, kvmCall, KvmCalls } from './ioctls.js';
import { KVM_MEM_LOG_DIRTY_PAGES, setMemorySlot } from './memslot.js';
import { StatsReader } from './stats.js';

export class VirtualMachine {
  readonly fd: number;
  /** First guest physical address after everything: room for a slot that moves. */
  readonly freeGpa: number;
  readonly #slots = new Map<number, SlotInfo>();
  readonly #stats: StatsReader | undefined;

  /** @param freeGpa see there */
  constructor(
    private readonly device: KvmDevice,
    freeGpa: number,
  ) {
    this.fd = device.createVm();
    this.freeGpa = freeGpa;
    this.#stats = StatsReader.open(device, this.fd);
  }

  /** Memslots of the guest's memory, by number. Changes that others make through `fd` are not seen. */
  get slots(): readonly SlotInfo[] {
    return [...this.#slots.values()];
  }

  /** @throws SystemError EEXIST when it would overlap another */
  addSlot(slot: SlotInfo): void {
    setMemorySlot(this.fd, slot);
    this.#slots.set(slot.slot, slot);
  }

  /** Faults on its memory become MMIO exits. */
  deleteSlot(slot: number): void {
    setMemorySlot(this.fd, { ...this.#slot(slot), bytes: 0 });
    this.#slots.delete(slot);
  }

  /** The same memory at another guest physical address. */
  moveSlot(slot: number, gpa: number): void {
    this.addSlot({ ...this.#slot(slot), gpa });
  }

  /** Whether KVM logs writes to it: the bitmap of `DirtyBitmap`, or the dirty ring. */
  logDirtyPages(slot: number, on: boolean): void {
    this.addSlot({ ...this.#slot(slot), flags: on ? KVM_MEM_LOG_DIRTY_PAGES : 0 });
  }

  /**
   * Reading a dirty bitmap no longer clears it; clearing is a call of its own. 1: that; 2: all is dirty at
   * first; 3: both.
   */
  enableManualDirtyLog(mode: 1 | 3): void {
    this.#enable(Capability.ManualDirtyLogProtect2, mode);
  }

  /** Dirty rings instead of bitmaps; before the first vCPU. @param entries of each vCPU, a power of two */
  enableDirtyRing(entries: number): void {
    this.#enable(Capability.DirtyLogRing, entries * 16);
  }

  /** What KVM counts for the VM, by the kernel's names; empty before Linux 5.14. */
  stats(): KvmStats {
    return this.#stats?.read() ?? {};
  }

  /** Memory goes only when every vCPU is closed too. */
  close(): void {
    this.#stats?.close();
    closeFd(this.fd);
    this.device.close();
  }

  #slot(slot: number): SlotInfo {
    const found = this.#slots.get(slot);
    if (found === undefined) throw new RangeError(`the VM has no slot ${slot}`);
    return found;
  }

  #enable(capability: number, argument: number): void {
    // struct kvm_enable_cap
    const cap = new DataView(new ArrayBuffer(104));
    cap.setUint32(0, capability, true);
    cap.setBigUint64(8, BigInt(argument), true);
    kvmCall(this.fd, KvmCalls.EnableCap, new Uint8Array(cap.buffer));
  }
}

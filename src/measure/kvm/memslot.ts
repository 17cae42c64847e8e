/** KVM_SET_USER_MEMORY_REGION, for any thread that knows the file descriptor of the VM. */
import type { SlotInfo } from '../types.js';
import { kvmCall, KvmCalls } from './ioctls.js';

/** Bits of a slot's flags. */
export const KVM_MEM_LOG_DIRTY_PAGES = 1;

/**
 * Adds a slot, or changes one: `gpa` moves it, `flags` change its logging, `bytes` of 0 delete it. KVM
 * refuses all else.
 *
 * @throws SystemError EEXIST when it would overlap another slot, EINVAL when the change is none of those
 */
export function setMemorySlot(vmFd: number, { slot, gpa, bytes, hva, flags }: SlotInfo): void {
  // struct kvm_userspace_memory_region
  const region = new DataView(new ArrayBuffer(32));
  region.setUint32(0, slot, true);
  region.setUint32(4, flags, true);
  region.setBigUint64(8, BigInt(gpa), true);
  region.setBigUint64(16, BigInt(bytes), true);
  region.setBigUint64(24, hva, true);
  kvmCall(vmFd, KvmCalls.SetUserMemoryRegion, new Uint8Array(region.buffer));
}

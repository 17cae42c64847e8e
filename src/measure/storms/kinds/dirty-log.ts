/**
 * Live migration's view of memory: an operation reads which pages of the range were written and
 * write-protects them again. With the bitmap, it is KVM_GET_DIRTY_LOG of each slot and a
 * KVM_CLEAR_DIRTY_LOG for each step that has a written page, as QEMU does it; with rings, all entries are
 * taken and KVM_RESET_DIRTY_RINGS called once.
 */
import { Capability, kvmCall, KvmCalls } from '../../kvm/ioctls.js';
import { KVM_MEM_LOG_DIRTY_PAGES, setMemorySlot } from '../../kvm/memslot.js';
import { canWrite, textOf } from '../host-parts.js';
import { overlaps, readBitmaps, readRings } from './dirty-log-read.js';
import type { Kind } from './kind.js';

const EAGER_SPLIT = '/sys/module/kvm/parameters/eager_page_split';
/** KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE: reading the log leaves it to the storm to protect pages again. */
const MANUAL_PROTECT = 1;
const isEagerSplit = (): boolean => textOf(EAGER_SPLIT) === 'Y';

export const dirtyLog: Kind<'dirty-log'> = {
  effects: ['dirtyPages'],
  deviations({ eagerSplit }) {
    if (textOf(EAGER_SPLIT) === undefined || eagerSplit === isEagerSplit() || canWrite(EAGER_SPLIT))
      return [];
    return [`eagerSplit: kvm.eager_page_split is ${textOf(EAGER_SPLIT)} here, and fixed when KVM is loaded`];
  },
  says: ({ method }) =>
    method === 'bitmap'
      ? 'an operation reads the log of the whole range and clears it step by step'
      : 'an operation takes all entries of the rings',
  misfit({ method, threads }, { vm }) {
    if (vm === undefined) return 'it reads the log of dirty pages, and there is no virtual machine';
    if (method === 'bitmap')
      return vm.dirtyRings === undefined ? undefined : 'a VM with dirty rings has no bitmap';
    if (vm.dirtyRings === undefined) return 'the VM was made without dirty rings';
    return threads > vm.dirtyRings.length
      ? `there are ${vm.dirtyRings.length} dirty rings, one for each vCPU; use no more threads`
      : undefined;
  },
  setUp(storm, { vm, settings }, range) {
    if (vm === undefined) throw new Error('no virtual machine');
    if (textOf(EAGER_SPLIT) !== undefined && storm.eagerSplit !== isEagerSplit() && canWrite(EAGER_SPLIT))
      settings.set(EAGER_SPLIT, storm.eagerSplit ? 'Y' : 'N');
    const manual = storm.method === 'bitmap' && hasManualProtect(vm.fd);
    if (manual) setManualProtect(vm.fd, MANUAL_PROTECT);
    const slots = vm.slots.filter((slot) => overlaps(slot, range));
    for (const slot of slots) setMemorySlot(vm.fd, { ...slot, flags: slot.flags | KVM_MEM_LOG_DIRTY_PAGES });
    return () => {
      for (const slot of slots) setMemorySlot(vm.fd, slot);
      if (manual) setManualProtect(vm.fd, 0);
    };
  },
  operations(task, effects) {
    const { vm, storm } = task;
    if (vm === undefined) throw new Error('no virtual machine');
    return storm.method === 'ring'
      ? readRings(task, vm, effects)
      : readBitmaps(task, vm, hasManualProtect(vm.fd), effects);
  },
};

/** Whether KVM_GET_DIRTY_LOG can leave it to the storm to protect pages again. */
const hasManualProtect = (vmFd: number): boolean =>
  kvmCall(vmFd, KvmCalls.CheckExtension, Capability.ManualDirtyLogProtect2) > 0;

function setManualProtect(vmFd: number, value: number): void {
  // struct kvm_enable_cap: cap, flags, args
  const enable = new DataView(new ArrayBuffer(104));
  enable.setUint32(0, Capability.ManualDirtyLogProtect2, true);
  enable.setBigUint64(8, BigInt(value), true);
  kvmCall(vmFd, KvmCalls.EnableCap, new Uint8Array(enable.buffer));
}

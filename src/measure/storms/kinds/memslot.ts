/** KVM_SET_USER_MEMORY_REGION: a VMM that changes the layout of the guest's memory. */
import { KVM_MEM_LOG_DIRTY_PAGES, setMemorySlot } from '../../kvm/memslot.js';
import { errnoOf } from '../errors.js';
import type { Kind } from './kind.js';

export const memslot: Kind<'memslot'> = {
  says({ action }) {
    if (action === 'flags') return 'logging of dirty pages is switched on and off in turn';
    return `${action === 'move' ? 'moved away and back' : 'deleted and added again'} in each operation`;
  },
  misfit({ slot }, { vm }) {
    if (vm === undefined) return 'it changes memslots, and there is no virtual machine';
    const last = vm.slots.length - 1;
    return slot > last ? `there is no memslot ${slot}: the guest has 0 to ${last}` : undefined;
  },
  operations({ storm, vm }) {
    if (vm === undefined) throw new Error('no virtual machine');
    const present = vm.slots[storm.slot];
    const set = (change: object): number => errnoOf(() => setMemorySlot(vm.fd, { ...present, ...change }));
    const changed = {
      delete: { bytes: 0 },
      move: { gpa: vm.freeGpa },
      flags: { flags: present.flags ^ KVM_MEM_LOG_DIRTY_PAGES },
    }[storm.action];
    /** The guest cannot go on without its memory: an error here ends the storm. */
    const restore = (): void => setMemorySlot(vm.fd, present);
    if (storm.action === 'flags') {
      let isChanged = false;
      const toggle = (): number => {
        isChanged = !isChanged;
        return isChanged ? set(changed) : errnoOf(restore);
      };
      return { run: toggle, end: restore };
    }
    return {
      run(): number {
        const refused = set(changed);
        if (refused === 0) restore();
        return refused;
      },
    };
  },
};

/**
 * mremap() of a step to another place and back. Meanwhile the old place is a mapping without pages
 * (MREMAP_DONTUNMAP), so the guest's accesses are served, with zeros; what it writes then is lost when the
 * pages come back.
 */
import {
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  mmap,
  munmap,
  PROT_READ,
  PROT_WRITE,
} from '../../ffi/libc.js';
import { SystemError } from '../../ffi/errno.js';
import { quickMremap } from '../../ffi/quick.js';
import { Walk } from '../walk.js';
import { HUGE_PAGE, PAGE } from '../pages.js';
import { type Kind } from './kind.js';

/** MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, include/uapi/linux/mman.h. */
const MOVE_PAGES = 1 | 2 | 4;

export const mremap: Kind<'mremap'> = {
  says: () => 'each operation moves its memory away and back: what the guest writes in between is lost',
  misfit: (_, { memory }) =>
    memory.backing === 'hugetlb'
      ? 'MREMAP_DONTUNMAP does not know hugetlb memory; use another backing'
      : undefined,
  operations({ steps }) {
    const reserved = steps.stepPages * PAGE + 2 * HUGE_PAGE;
    const area = mmap(reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    const place = Math.ceil(Number(area) / HUGE_PAGE) * HUGE_PAGE;
    const walk = new Walk(steps);
    return {
      run() {
        walk.next();
        const { address, length } = walk;
        // Page tables can be moved whole when both places lie alike in their huge pages.
        const away = place + (address % HUGE_PAGE);
        const refused = quickMremap(address, length, MOVE_PAGES, away);
        if (refused !== 0) return refused;
        const lost = quickMremap(away, length, MOVE_PAGES, address);
        if (lost !== 0) throw new SystemError('mremap', `${away}, ${length}, back to the guest`, lost);
        return 0;
      },
      end: () => munmap(area, reserved),
    };
  },
};

/** All kinds of storm, by name. */
import { aging } from './aging.js';
import { balloon } from './balloon.js';
import { dirtyLog } from './dirty-log.js';
import { fork } from './fork.js';
import type { KindName } from '../types.js';
import type { Kind } from './kind.js';
import { ksm } from './ksm.js';
import { madvise } from './madvise.js';
import { memslot } from './memslot.js';
import { migrate } from './migrate.js';
import { mprotect } from './mprotect.js';
import { mremap } from './mremap.js';
import { numaBalancing } from './numa-balancing.js';
import { uffdWp } from './uffd-wp.js';
import { unmap } from './unmap.js';

const KINDS: Readonly<Record<KindName, Kind<KindName>>> = {
  madvise,
  mprotect,
  mremap,
  'uffd-wp': uffdWp,
  unmap,
  migrate,
  ksm,
  'numa-balancing': numaBalancing,
  fork,
  memslot,
  'dirty-log': dirtyLog,
  aging,
  balloon,
};

/** The kind that a storm says it is. */
export function kindOf({ kind }: { readonly kind: KindName }): Kind<KindName> {
  return KINDS[kind];
}

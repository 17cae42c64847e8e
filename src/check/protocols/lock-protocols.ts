/** Protocols of mmu_lock itself, and of progress. */
import type { OtherThread } from './kvm-program.js';
import { lockReader, lockWriter, type Inside } from './lock-users.js';
import { kvmProtocol, TDP, type Parts, type Protocol } from './protocol.js';
import { allFrames, vcpuTouches, wholeRange, type Scope } from './scope.js';

/** Readers and writers of mmu_lock in cells that are theirs; the last `endless` writers never stop. */
function lockUsers({ vcpus, invalidators, rounds }: Scope, endless: boolean): Parts {
  const inside = (extra: number): Inside => ({ readers: extra, writers: extra + 1 });
  const readers: OtherThread[] = Array.from({ length: vcpus }, (_, index) => ({
    name: `reader ${index}`,
    rounds,
    start: (t, { kvm }, extra) => lockReader(t as never, kvm, inside(extra)),
  }));
  const writers: OtherThread[] = Array.from({ length: invalidators }, (_, index) => ({
    name: `writer ${index}`,
    rounds,
    endless,
    start: (t, { kvm }, extra) => lockWriter(t as never, kvm, inside(extra)),
  }));
  return { vcpus: [], invalidators: [], others: [...readers, ...writers] };
}

export const LOCKS: readonly Protocol[] = [
  kvmProtocol(
    'qrwlock',
    'mmu_lock itself, from its atomic operations: exclusion, and nobody waits for ever',
    TDP,
    { vcpus: 2, gfns: 1, invalidators: 2 },
    (scope) => lockUsers(scope, false),
    { isAboutLocks: true, findsLoops: true },
  ),
  kvmProtocol(
    'lock-progress',
    'whether faults get mmu_lock while writers never stop',
    TDP,
    { gfns: 1, invalidators: 2 },
    (scope) => lockUsers(scope, true),
    { isAboutLocks: true, findsLoops: true },
  ),
  kvmProtocol(
    'endless-invalidations',
    'whether a fault comes to an end while invalidations never do (no kernel promises it)',
    TDP,
    { gfns: 1 },
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: wholeRange(scope).map(({ from, to }) => ({ from, to, rounds: 1, endless: true })),
    }),
    { isAboutLocks: true, findsLoops: true },
  ),
  kvmProtocol(
    'yield-progress',
    'whether an invalidation comes to an end while somebody always wants its CPU',
    TDP,
    {},
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: wholeRange(scope),
      touched: allFrames(scope),
      mayResched: true,
    }),
    { findsLoops: true },
  ),
];

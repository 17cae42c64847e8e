/** Protocols of page faults, and of walks without mmu_lock. */
import { ageing, flushes } from './agents.js';
import { kvmProtocol, logDirty, SHADOW, TDP, type Protocol } from './protocol.js';
import { memslotUpdate } from './update-protocols.js';
import { allFrames, allRead, disjoint, singles, vcpuTouches, wholeAndSingle, wholeRange } from './scope.js';

export const FAULTS: readonly Protocol[] = [
  kvmProtocol(
    'fault-vs-invalidate',
    'page faults that map under the read lock, against invalidations (TDP MMU)',
    TDP,
    {},
    (scope) => ({ vcpus: vcpuTouches(scope), invalidators: wholeRange(scope) }),
  ),
  kvmProtocol(
    'fault-vs-invalidate-shadow',
    'the same with the rmap-based MMU, whose faults take the write lock',
    SHADOW,
    {},
    (scope) => ({ vcpus: vcpuTouches(scope), invalidators: wholeRange(scope) }),
  ),
  kvmProtocol(
    'two-invalidators',
    'hull, count, and yields with their flush: overlapping invalidations, vCPUs with full TLBs',
    TDP,
    { invalidators: 2 },
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: wholeAndSingle(scope),
      touched: allFrames(scope),
      mayResched: true,
    }),
  ),
  kvmProtocol(
    'disjoint-invalidators',
    'invalidations of different pages that yield, against faults on them',
    TDP,
    { invalidators: 2 },
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: disjoint(scope),
      touched: allFrames(scope, 1),
      mayResched: true,
    }),
  ),
  kvmProtocol(
    'two-memslots',
    'one invalidation across two memslots, the second of which maps nothing',
    TDP,
    {},
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: wholeRange(scope),
      touched: allFrames(scope, 1),
      machine: { slots: [{ pages: scope.gfns - 1 }, { pages: 1 }] },
    }),
  ),
  kvmProtocol(
    'oom-reaper',
    'invalidations that may not block, with somebody who wants the CPU',
    TDP,
    {},
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: wholeRange(scope).map((each) => ({ ...each, blockable: false })),
      touched: allFrames(scope),
      mayResched: true,
    }),
  ),
  kvmProtocol(
    'prefetch',
    'a fault that maps its neighbours too, one of which is being invalidated (rmap-based MMU)',
    SHADOW,
    {},
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: disjoint({ ...scope, invalidators: 2 }).slice(1),
    }),
  ),
];

export const WALKS: readonly Protocol[] = [
  kvmProtocol(
    'tlb-flush',
    'the handshake of requests and modes: vCPUs with full TLBs that enter and leave, and two who flush',
    TDP,
    { touches: 2 },
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: singles(scope),
      others: [{ name: 'flusher', rounds: scope.rounds, start: (t, { kvm }) => flushes(t, kvm) }],
      touched: allFrames(scope),
    }),
  ),
  kvmProtocol(
    'fault-vs-fault',
    'two faults below one page table that is missing, and an invalidation of what one of them maps',
    TDP,
    { vcpus: 2 },
    (scope) => ({ vcpus: vcpuTouches(scope), invalidators: singles(scope) }),
  ),
  kvmProtocol(
    'lockless-walk',
    'fast page faults that walk shadow pages without a lock, while these are freed',
    SHADOW,
    { gfns: 1, invalidators: 0 },
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: wholeRange(scope),
      others: [memslotUpdate(scope)],
      touched: allRead(scope),
      prepare: logDirty,
      machine: { memslotsChange: true, roots: 3 },
    }),
  ),
  kvmProtocol(
    'fast-page-fault',
    'write faults repaired without mmu_lock, against invalidations (TDP MMU)',
    TDP,
    {},
    (scope) => ({
      vcpus: vcpuTouches(scope),
      invalidators: wholeRange(scope),
      touched: allRead(scope),
      prepare: logDirty,
    }),
  ),
  kvmProtocol('aging', 'aging beside faults and invalidations', TDP, {}, (scope) => ({
    vcpus: vcpuTouches(scope),
    invalidators: wholeRange(scope),
    others: [
      {
        name: 'aging',
        rounds: scope.rounds,
        start: (t, { kvm, mm }) => ageing(t, kvm, mm.firstPage, mm.firstPage + scope.gfns),
      },
    ],
    touched: allFrames(scope),
  })),
];

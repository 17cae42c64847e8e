import { describe, expect, it } from 'vitest';
import {
  emitAll,
  LOCK_ADDRESSES,
  MMU_LOCK,
  QUEUE,
  stormThread,
  vcpuThread,
  type Emit,
} from '../../test/support/emits.js';
import { RetPf } from '../model/page-fault-struct.js';
import { Detection, Tracepoint as T } from '../model/tracepoints.js';
import { resolvePolicy } from '../model/resolve-policy.js';
import type { RunSummary, SimulationResult } from './result.js';
import { fairnessOf } from './statistics-guest.js';
import { Statistics } from './statistics.js';

const [v0, v1, ksmd, storm] = [
  vcpuThread(0, 0),
  vcpuThread(1, 1),
  stormThread(2, 'ksm', 'ksmd'),
  stormThread(3, 'madvise'),
];
const READ = 1;
const WRITE = 2;

function statistics(): Statistics {
  const covered = new Uint8Array(100);
  covered.fill(1, 50);
  return new Statistics({ threads: [v0, v1, ksmd, storm], vcpus: 2, mmuLock: LOCK_ADDRESSES, covered });
}

function runUntil(simulatedNs: number): RunSummary {
  return {
    scenario: 'by hand',
    kernel: 'v6.12',
    policy: resolvePolicy('v6.12'),
    changes: {},
    seed: 1,
    version: '0.1.0',
    machine: { cpus: 4, sockets: 1, nodes: 1, vcpus: 2, pages: 100 },
    simulatedNs,
    stopped: 'done',
    events: 10,
    operations: 20,
    unseed: 'abc',
  };
}

function resultOf(end: number, emits: readonly Emit[]): SimulationResult {
  const observer = statistics();
  emitAll([observer], emits);
  return observer.result(runUntil(end));
}

describe('guests', () => {
  it('counts touches and the longest time without one', () => {
    const { guest } = resultOf(10_000, [
      [1000, v0, T.probeTouch, 0, 10, 2, 500],
      [2000, v1, T.probeTouch, 1, 30, 0, 1000],
      [9000, v0, T.probeTouch, 0, 20, 0, 1000],
      [9500, v1, T.probeTouch, 1, 30, 0, 400],
    ]);
    expect(guest).toMatchObject({ countedNs: 10_000, touches: 90, coveredTouches: 2, touchesPerSecond: 9e6 });
    // v0: 500, then 1000 to 8000, then to the end; v1: 2000 to 9100.
    expect(guest.longestStall).toEqual({ vcpu: 1, startNs: 2000, durationNs: 7100, unfinished: false });
    expect(guest.vcpus.map((vcpu) => [vcpu.touches, vcpu.longestStallNs])).toEqual([
      [30, 7000],
      [60, 7100],
    ]);
    expect(guest.fairness).toEqual({ jain: 0.9, minShare: 0.666667, maxShare: 1.333333 });
  });

  it('holds a hang to the end against the host, but not the end of a vCPU', () => {
    const observer = statistics();
    emitAll([observer], [[100, v0, T.probeTouch, 0, 1]]);
    observer.onThreadEnd(200, v0);
    emitAll([observer], [[300, v1, T.probeTouch, 1, 1]]);
    expect(observer.result(runUntil(5000)).guest).toMatchObject({
      longestStall: { vcpu: 1, startNs: 300, durationNs: 4700, unfinished: true },
      vcpus: [{ longestStallNs: 100 }, { longestStallNs: 4700 }],
    });
  });

  it('leaves no mark of a phase that does not count', () => {
    const observer = statistics();
    observer.onPhase(0, false);
    emitAll(
      [observer],
      [
        [100, v0, T.probeFaultBegin, 0, 5],
        [200, v0, T.probeFaultEnd, 0, 5, RetPf.Fixed],
        [300, v0, T.probeTouch, 0, 7],
      ],
    );
    observer.onPhase(1000, true);
    emitAll([observer], [[1100, v0, T.probeTouch, 0, 1]]);
    const { guest, faults } = observer.result(runUntil(2000));
    expect(guest).toMatchObject({ countedNs: 1000, touches: 1, longestStall: { vcpu: 1, durationNs: 1000 } });
    expect(faults).toMatchObject({
      attempts: 0,
      outcomes: { fixed: 0 },
      uncovered: { latency: { count: 0 } },
    });
  });

  it('knows Jain’s index', () => {
    expect(fairnessOf([1, 1, 1, 1])).toEqual({ jain: 1, minShare: 1, maxShare: 1 });
    expect(fairnessOf([4, 0, 0, 0])).toEqual({ jain: 0.25, minShare: 0, maxShare: 4 });
    expect(fairnessOf([0, 0])).toEqual({ jain: 1, minShare: 1, maxShare: 1 });
  });
});

describe('faults', () => {
  const { faults, guest } = resultOf(9000, [
    // A covered page in three attempts: 100 to 700.
    [100, v0, T.kvmExit, 0],
    [110, v0, T.probeFaultBegin, 0, 60],
    [120, v0, T.faultRetry, 0, 60, 1, Detection.PreCheck1],
    [130, v0, T.probeFaultEnd, 0, 60, RetPf.Retry],
    [200, v0, T.kvmExit, 0],
    [210, v0, T.probeFaultBegin, 0, 60],
    [220, v0, T.faultRetry, 0, 60, 1, Detection.Stale],
    [230, v0, T.probeFaultEnd, 0, 60, RetPf.Retry],
    [300, v0, T.kvmExit, 0],
    [310, v0, T.probeFaultBegin, 0, 60],
    [600, v0, T.probeFaultEnd, 0, 60, RetPf.Fixed],
    [750, v0, T.probeTouch, 0, 5, 5, 50],
    // An uncovered one at once: 1000 to 1300; the access needed another page first: 900 to 1000.
    [900, v1, T.kvmExit, 1],
    [910, v1, T.probeFaultBegin, 1, 8],
    [950, v1, T.probeFaultEnd, 1, 8, RetPf.Spurious],
    [1000, v1, T.kvmExit, 1],
    [1010, v1, T.probeFaultBegin, 1, 9],
    [1200, v1, T.probeFaultEnd, 1, 9, RetPf.Fixed],
    [1300, v1, T.probeTouch, 1, 1],
    // One that goes on when the run ends, and one that fails.
    [2000, v0, T.kvmExit, 0],
    [2010, v0, T.probeFaultBegin, 0, 70],
    [2020, v0, T.probeFaultEnd, 0, 70, -14],
  ]);

  it('adds up', () => {
    expect(faults.attempts).toBe(6);
    const none = { emulate: 0, writeProtected: 0, invalid: 0 };
    expect(faults.outcomes).toEqual({ fixed: 2, spurious: 1, retry: 2, error: 1, ...none });
    expect(faults.retries).toMatchObject({ total: 2, preCheck1: 1, preCheck2: 0, recheck: 1, other: 0 });
    expect(guest.vcpus.map((vcpu) => [vcpu.attempts, vcpu.retries])).toEqual([
      [4, 2],
      [2, 0],
    ]);
  });

  it('keeps covered and uncovered pages apart', () => {
    expect(faults.covered).toMatchObject({
      latency: { count: 1, totalNs: 600 },
      mostAttempts: 3,
      withRetry: 1,
      unfinished: 1,
      oldestUnfinishedNs: 7000,
    });
    expect(faults.uncovered).toMatchObject({
      latency: { count: 2, totalNs: 400, maxNs: 300 },
      mostAttempts: 1,
      withRetry: 0,
      unfinished: 0,
    });
  });
});

describe('mmu_lock', () => {
  it('tells who waited and who held', () => {
    const { mmuLock } = resultOf(9000, [
      // A madvise invalidation holds for 300; a fault waits behind it, in the lock's queue too.
      [90, storm, T.kvmUnmapHvaRange, 1050, 1060],
      [100, storm, T.lockAcquired, MMU_LOCK, WRITE],
      [110, v0, T.probeFaultBegin, 0, 60],
      [120, v0, T.contentionBegin, MMU_LOCK, 3],
      [130, v0, T.contentionBegin, QUEUE, 1],
      [140, v0, T.contentionEnd, QUEUE],
      [400, storm, T.lockReleased, MMU_LOCK, WRITE],
      [405, v0, T.contentionEnd, MMU_LOCK],
      [410, v0, T.lockAcquired, MMU_LOCK, READ],
      [510, v0, T.lockReleased, MMU_LOCK, READ],
      [520, v0, T.probeFaultEnd, 0, 60, RetPf.Fixed],
      // Outside of faults; a spinner of trylock; aging; a lock that is another.
      [600, v0, T.lockAcquired, MMU_LOCK, READ],
      [650, v0, T.lockReleased, MMU_LOCK, READ],
      [700, v1, T.probeFaultBegin, 1, 1],
      [710, v1, T.probeLockSpin, MMU_LOCK, READ],
      [760, v1, T.lockAcquired, MMU_LOCK, READ],
      [770, v1, T.lockReleased, MMU_LOCK, READ],
      [800, ksmd, T.kvmAgeHva, 1000, 1001],
      [810, ksmd, T.lockAcquired, MMU_LOCK, WRITE],
      [815, ksmd, T.lockReleased, MMU_LOCK, WRITE],
      [820, ksmd, T.contentionBegin, 77, 1],
      [830, ksmd, T.lockAcquired, 77, WRITE],
    ]);
    const rows = mmuLock.byUser.map(({ user, mode, acquisitions, wait, hold }) => {
      return [user, mode, acquisitions, wait.count, wait.totalNs, hold.totalNs];
    });
    expect(rows).toEqual([
      ['fault', 'read', 2, 2, 290 + 50, 100 + 10],
      ['guest-entry', 'read', 1, 0, 0, 50],
      ['aging', 'write', 1, 0, 0, 5],
      ['madvise', 'write', 1, 0, 0, 300],
    ]);
    expect(mmuLock.read).toMatchObject({ acquisitions: 3, wait: { count: 2 }, hold: { totalNs: 160 } });
    expect(mmuLock.write).toMatchObject({ acquisitions: 2, wait: { count: 0 }, hold: { totalNs: 305 } });
  });

  it('calls what a vCPU thread invalidates by where it does that', () => {
    const write = (now: number, thread = v0): Emit[] => [
      [now, thread, T.kvmUnmapHvaRange, 1000, 1512],
      [now + 1, thread, T.lockAcquired, MMU_LOCK, WRITE],
      [now + 3, thread, T.lockReleased, MMU_LOCK, WRITE],
      [now + 4, thread, T.probeStartReturned, 1000, 1512, 0],
      [now + 5, thread, T.probeEndEntered, 1000, 1512],
    ];
    const { mmuLock } = resultOf(100, [
      ...write(10),
      [20, v0, T.probeFaultBegin, 0, 60],
      ...write(21),
      [30, v0, T.probeFaultEnd, 0, 60, RetPf.Retry],
      ...write(40, ksmd),
    ]);
    expect(mmuLock.byUser.map(({ user }) => user)).toEqual(['numa-balancing', 'own-fault', 'ksm']);
  });
});

describe('invalidations', () => {
  it('takes the time to the start’s return, to the end, and under the lock', () => {
    const { invalidations } = resultOf(9000, [
      [100, storm, T.kvmUnmapHvaRange, 1050, 1060],
      [110, storm, T.lockAcquired, MMU_LOCK, WRITE],
      [111, storm, T.invalidateBegin, 1050, 1060, 1, 7],
      [150, storm, T.lockReleased, MMU_LOCK, WRITE],
      [170, storm, T.lockAcquired, MMU_LOCK, WRITE],
      [200, storm, T.lockReleased, MMU_LOCK, WRITE],
      [210, storm, T.probeStartReturned, 1050, 1060, 1],
      // Inside: a huge page is split, which hits no memslot.
      [220, storm, T.kvmUnmapHvaRange, 1050, 1055],
      [225, storm, T.probeStartReturned, 1050, 1055, 0],
      [230, storm, T.probeEndEntered, 1050, 1055],
      [300, storm, T.probeEndEntered, 1050, 1060],
      [310, storm, T.lockAcquired, MMU_LOCK, WRITE],
      [320, storm, T.invalidateEnd, 1050, 1060, 8, 0],
      [325, storm, T.lockReleased, MMU_LOCK, WRITE],
      // One page of KSM, that goes on.
      [400, ksmd, T.kvmUnmapHvaRange, 1070, 1071],
      [410, ksmd, T.lockAcquired, MMU_LOCK, WRITE],
      [411, ksmd, T.invalidateBegin, 1070, 1071, 1, 8],
      [420, ksmd, T.lockReleased, MMU_LOCK, WRITE],
      [430, ksmd, T.probeStartReturned, 1070, 1071, 1],
    ]);
    expect(invalidations).toMatchObject({
      count: 3,
      hits: 2,
      pages: 16,
      unfinished: 1,
      start: { count: 3, totalNs: 110 + 5 + 30 },
      startToEnd: { count: 1, totalNs: 220 },
      underLock: { count: 1, totalNs: 40 + 30 + 15 },
    });
    expect(invalidations.byAgent.map(({ agent, count, pages }) => [agent, count, pages])).toEqual([
      ['madvise', 2, 15],
      ['ksm', 1, 1],
    ]);
  });
});

describe('yields', () => {
  const dropped = (now: number, inBetween: readonly Emit[] = []): Emit[] => [
    [now, storm, T.lockReleased, MMU_LOCK, WRITE],
    ...inBetween,
    [now + 90, storm, T.lockAcquired, MMU_LOCK, WRITE],
    [now + 91, storm, T.yield, MMU_LOCK, WRITE, 50],
  ];
  const reads = (now: number, thread = v0, installs = false): Emit[] => [
    [now, thread, T.lockAcquired, MMU_LOCK, READ],
    ...(installs ? [[now + 1, thread, T.probeSpteInstalled, 0, 3, 0, 1, 1] as const] : []),
    [now + 2, thread, T.lockReleased, MMU_LOCK, READ],
  ];

  it('are useful when one let in has mapped something', () => {
    const { yields } = resultOf(9000, [
      ...reads(5, v1, true),
      [90, storm, T.kvmUnmapHvaRange, 1050, 1060],
      [95, storm, T.lockAcquired, MMU_LOCK, WRITE],
      ...dropped(100, reads(110)),
      ...dropped(300, [...reads(310), ...reads(320, v1, true)]),
      ...dropped(500),
      ...dropped(700, reads(710)),
    ]);
    expect(yields).toMatchObject({ count: 4, useful: 1, useless: 2, toNobody: 1, away: { totalNs: 360 } });
    expect(yields.byUser).toEqual([{ user: 'madvise', count: 4, useful: 1 }]);
  });

  it('of a reader count what is mapped until it is back', () => {
    const late: Emit[] = [
      [100, v1, T.lockAcquired, MMU_LOCK, READ],
      [110, v0, T.lockAcquired, MMU_LOCK, READ],
      [120, v0, T.lockReleased, MMU_LOCK, READ],
      // v1 was in before the yield: it needed none.
      [130, v1, T.probeSpteInstalled, 0, 3, 0, 1, 1],
      [140, v0, T.lockAcquired, MMU_LOCK, READ],
      [141, v0, T.yield, MMU_LOCK, READ, 50],
    ];
    expect(resultOf(9000, late).yields).toMatchObject({ count: 1, useful: 0, toNobody: 1 });
  });
});

it('counts flushes, the interrupts they needed, and the time they took', () => {
  const observer = statistics();
  observer.onInterrupts(190, storm, 2, 90);
  emitAll([observer], [[200, storm, T.remoteFlush, 2, 2]]);
  expect(observer.waitedNs).toBe(90);
  emitAll([observer], [[300, storm, T.remoteFlush, 2, 0]]);
  observer.onInterrupts(400, v0, 1, 5);
  expect(observer.result(runUntil(1000)).flushes).toMatchObject({
    count: 2,
    requests: 4,
    ipis: 2,
    wait: { count: 2, totalNs: 90, maxNs: 90 },
    allIpis: 3,
  });
});

it('is plain data', () => {
  const result = resultOf(1000, [[100, v0, T.probeTouch, 0, 1]]);
  expect(JSON.parse(JSON.stringify(result))).toEqual(result);
});

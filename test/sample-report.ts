/** A small explanation and timeline, made by hand: what reports are tested with. */
import type { Distribution, Explanation, FaultOutcomes } from '../src/explain/types.js';
import type { Timeline, TimelineSlice } from '../src/trace/timeline.js';

const MS = 1e6;

/** A task that calls itself markup, as any task may. */
export const HOSTILE_COMM = '<script>alert(1)</script>"\'&';

function distribution(durations: readonly number[]): Distribution {
  const sorted = durations.toSorted((a, b) => a - b);
  const totalNs = sorted.reduce((a, b) => a + b, 0);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const upToNs = Array.from({ length: 12 }, (_, i) => 10 ** i);
  const counts = upToNs.map(
    (bound, i) => sorted.filter((ns) => ns < bound && ns >= (upToNs[i - 1] ?? 0)).length,
  );
  const { length: count } = sorted;
  return {
    count,
    totalNs,
    meanNs: count === 0 ? 0 : totalNs / count,
    p50Ns: at(0.5),
    p90Ns: at(0.9),
    p99Ns: at(0.99),
    maxNs: at(1),
    histogram: { upToNs, counts },
  };
}

const outcomes: FaultOutcomes = {
  mapped: 900,
  fast: 0,
  spurious: 0,
  emulated: 1,
  retried: 1099,
  unfinished: 0,
};

const fault: Explanation['fault'] = {
  source: 'kvm_page_fault',
  attempts: 2000,
  mapped: 900,
  emulated: 1,
  retried: 1099,
  mappedAndEmulated: 0,
  unfinished: 0,
  fastInRetried: 0,
  outcomes,
  episodes: 901,
  longestEpisode: 1005,
  episodesWithRetry: 3,
  latency: distribution([5_000, 6_000, 7_000, 90_000, 212 * MS]),
  mapLatency: distribution([20_000, 40_000, 60_000]),
  stallLatency: distribution([212 * MS, 3 * MS, 1 * MS]),
  retryCauses: [
    { cause: 'invalidation-in-flight', count: 1000, likely: 10 },
    { cause: 'unknown', count: 99, likely: 0 },
  ],
  retriesByAgent: [{ agent: 'ksm', count: 1000 }],
  episodeLengths: { upTo: [1, 2, 4, 8], counts: [898, 1, 0, 2] },
  topStalls: [],
  topEpisodes: [
    {
      tid: 101,
      comm: HOSTILE_COMM,
      page: 0x3a41,
      gfn: 0x3a41,
      attempts: 1005,
      retried: 1004,
      outcome: 'mapped',
      start: 100 * MS,
      end: 312 * MS,
      durationNs: 212 * MS,
      lockWaitNs: 7 * MS,
      cause: 'invalidation-in-flight',
      agents: ['ksm'],
      events: [10, 90],
    },
  ],
};

const statistics = {
  waits: 7,
  totalNs: 9 * MS,
  maxNs: 4 * MS,
  exactTotalNs: 9 * MS,
  exactMaxNs: 4 * MS,
  p50Ns: 900,
  p99Ns: 4 * MS,
};

const trace: Explanation['trace'] = {
  format: 'trace.dat v7',
  clock: 'local',
  timeUnit: 'ns',
  resolutionNs: 1,
  start: 0,
  end: 1000 * MS,
  durationNs: 1000 * MS,
  kernel: '6.12.0',
  preempt: 'full',
  cpus: 4,
  tasks: 9,
  hashedPointers: false,
  lostEvents: 12,
  lossesOfUnknownSize: 1,
  clockBackwards: 0,
  unknownLines: 3,
  unparsedFields: 0,
  unknownEvents: ['odd<event>'],
  damage: ['the file ends early'],
  notes: [],
  filtered: 0,
};

/** Explanation of one second of a guest with one vCPU, KSM and a lossy trace. */
export const sampleExplanation: Explanation = {
  version: 1,
  trace,
  events: 25_556,
  byEvent: { kvm_page_fault: 2000, kvm_entry: 2000 },
  kernel: {
    release: '6.12.0',
    version: '6.12',
    preempt: 'full',
    isRealTime: false,
    preCheck: { answer: 'yes', why: 'since v6.8' },
    yieldsOnContention: { answer: 'depends', why: 'preempt=full' },
    numaNotifierSpan: { answer: 'yes', why: 'since v6.12' },
    agingTakesLock: { answer: 'no', why: 'since v6.11' },
  },
  verdict: [`${HOSTILE_COMM} stood still for 212 ms.`, 'KSM did it.'],
  findings: [
    {
      id: 'retry-storm',
      severity: 'critical',
      title: '1,005 faults in a row',
      text: `vCPU 0 (${HOSTILE_COMM}) faulted gfn 0x3a41 1,005 times in 212 ms.`,
      advice: ['Raise /sys/kernel/mm/ksm/sleep_millisecs.'],
      evidence: [{ label: 'the longest episode', events: [10, 90], time: [100 * MS, 312 * MS], tid: 101 }],
      numbers: { attempts: 1005, longestNs: 212 * MS },
    },
    {
      id: 'lossy-trace',
      severity: 'notice',
      title: 'events were lost',
      text: 'At least 12 events are gone.',
      advice: [],
      evidence: [],
      numbers: {},
    },
  ],
  fault,
  vcpus: [
    {
      tid: 101,
      comm: HOSTILE_COMM,
      vcpu: 0,
      attempts: 2000,
      outcomes,
      episodes: 901,
      episodesWithRetry: 3,
      longestEpisode: 1005,
      latency: fault.latency,
      stalledNs: 216 * MS,
      longestStallNs: 212 * MS,
      lockWaitNs: 9 * MS,
      invalidations: 0,
    },
  ],
  invalidations: {
    count: 40,
    pages: 40,
    unbounded: 0,
    leaves: 30,
    withLeaves: 30,
    hostFlushes: 0,
    guestFlushes: 30,
    guestFlushSource: 'none',
    yields: 2,
    yieldSource: 'inferred',
    endsInferred: true,
    mostAtOnce: 2,
    handovers: { useful: 1, useless: 1, other: 0 },
    underWay: distribution([3 * MS, 4 * MS]),
    underWayAtMost: distribution([3 * MS, 5 * MS]),
    byAgent: [
      {
        agent: 'ksm',
        confidence: { high: 40, medium: 0, low: 0 },
        why: 'the task is ksmd',
        tasks: [{ tid: 57, comm: 'ksmd', count: 40 }],
        count: 40,
        pages: 40,
        leaves: 30,
        flushes: 30,
        yields: 2,
        underWayNs: 90 * MS,
        underWayAtMostNs: 99 * MS,
        longestNs: 4 * MS,
      },
    ],
    top: [
      {
        start: 100 * MS,
        endAtLeast: 104 * MS,
        endAtMost: 105 * MS,
        inferredEnd: true,
        tid: 57,
        comm: 'ksmd',
        agent: 'ksm',
        confidence: 'high',
        why: 'the task is ksmd',
        pages: 1,
        leaves: 1,
        hva: ['7f0000000000', '7f0000001000'],
        hostFlushes: 0,
        guestFlushes: 1,
        yields: 0,
        heldAtLeastNs: 0,
        retries: 900,
        lockWaitNs: 0,
        events: [11, 50],
      },
    ],
  },
  aging: { count: 0, tasks: [], perSecond: 0 },
  mapping: { known: false, why: 'too few zaps', slots: [] },
  locks: [
    {
      ...statistics,
      address: 'ffff888100000000',
      tasks: 1,
      openAtEnd: 1,
      unmatchedBegins: 0,
      unmatchedEnds: 2,
      byKind: [{ ...statistics, kind: 'spin-read' }],
      byTask: [{ tid: 101, comm: HOSTILE_COMM, waits: 7, totalNs: 9 * MS, maxNs: 4 * MS }],
      mostWaiters: 1,
      contendedNs: 9 * MS,
      events: [5, 99],
      longestWait: [5, 6],
      mmuLock: { likely: true, confidence: 'high', score: 1, why: ['page aligned'] },
    },
  ],
  lockPairing: { locks: 3, waits: 9, unmatchedBegins: 0, unmatchedEnds: 2, openAtEnd: 1, mutexRestarts: 0 },
};

function slice(
  id: number,
  track: number,
  start: number,
  end: number,
  rest: Partial<TimelineSlice>,
): TimelineSlice {
  const plain = { name: `slice ${id}`, category: 'fault', details: {}, events: [id, id + 1] } as const;
  return { id, track, start, end, ...plain, ...rest };
}

/** A vCPU with a retried episode, KSM invalidating under it, and a wait for the lock that points at KSM. */
export const sampleTimeline: Timeline = {
  tracks: [
    { id: 0, name: 'ksmd 57', kind: 'invalidator', tid: 57 },
    { id: 1, name: `vCPU 0 (${HOSTILE_COMM})`, kind: 'vcpu', tid: 101 },
    { id: 2, name: 'mmu_lock ffff888100000000', kind: 'lock' },
    { id: 3, name: 'waits of vCPU 0', kind: 'lock', tid: 101, parent: 2 },
  ],
  slices: [
    slice(0, 1, 100 * MS, 312 * MS, {
      name: `gfn 0x3a41: 1005 faults ${HOSTILE_COMM}`,
      details: { outcome: 'mapped', attempts: 1005, retried: 1004, lockWaitNs: 7 * MS },
    }),
    slice(1, 1, 20 * MS, 20 * MS + 1000, { details: { outcome: 'mapped', attempts: 1, retried: 0 } }),
    slice(2, 0, 100 * MS, 104 * MS, { category: 'invalidation', inferred: true, details: { agent: 'ksm' } }),
    slice(3, 3, 101 * MS, 104 * MS, { category: 'wait', details: { kind: 'spin-read' } }),
    slice(4, 0, 500 * MS, 503 * MS, { category: 'invalidation', details: { agent: 1 } }),
  ],
  flows: [
    { from: 3, to: 2, name: 'waited for' },
    { from: 0, to: 2, name: 'retried because of' },
  ],
};

export const sampleReport = { name: 'sample.dat', explanation: sampleExplanation, timeline: sampleTimeline };

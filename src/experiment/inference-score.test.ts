import { expect, it } from 'vitest';
import {
  emitAll,
  LOCK_ADDRESSES,
  MMU_LOCK,
  stormThread,
  vcpuThread,
  type Emit,
} from '../../test/support/emits.js';
import { makeEntry, Spte } from '../model/spte.js';
import { Detection, Tracepoint as T } from '../model/tracepoints.js';
import { renderInferenceScore, type ScoreRow } from '../report/terminal/inference-score.js';
import type { ThreadInfo } from '../simulate/observer.js';
import { Statistics } from '../simulate/statistics.js';
import { TraceSink } from '../simulate/trace-sink.js';
import type { Trace } from '../trace/store/trace.js';
import { scoreInference } from './inference-score.js';
import type { ModelledVm } from './inference-truth.js';

const v0 = vcpuThread(0, 0);
const v1 = vcpuThread(1, 1);
const ksmd = stormThread(2, 'ksm', 'ksmd');
const storm = stormThread(3, 'madvise');
const LEAF = makeEntry(7, Spte.Present | Spte.Leaf | Spte.Writable);
const READ = 1;
const WRITE = 2;
/** Guest frame 0 is host page 0x4000. */
const HOST = 0x4000;

const slot = { baseGfn: 0, pages: 0x1000, userspacePage: HOST };
const vm: ModelledVm = { slots: [slot] };

function traceOf(emits: readonly Emit[]): Trace {
  const threads = [v0, v1, ksmd, storm];
  const statistics = new Statistics({
    threads,
    vcpus: 2,
    mmuLock: LOCK_ADDRESSES,
    covered: new Uint8Array(0),
  });
  const options = { kernel: 'v6.12', preempt: 'full', mmu: 'tdp', cpus: 4, firstTable: 0, mmuLock: MMU_LOCK };
  const sink = new TraceSink({ ...options, statistics });
  emitAll([statistics, sink], emits);
  return sink.finish();
}

function scores(emits: readonly Emit[]): Record<string, [truth: number, inferred: number, correct: number]> {
  const rows = scoreInference(traceOf(emits), vm);
  return Object.fromEntries(rows.map((row) => [row.what, [row.truth, row.inferred, row.correct]]));
}

const take = (now: number, thread: ThreadInfo): Emit => [now, thread, T.lockAcquired, MMU_LOCK, WRITE];
const drop = (now: number, thread: ThreadInfo): Emit => [now, thread, T.lockReleased, MMU_LOCK, WRITE];
const zap = (now: number, thread: ThreadInfo, gfn: number): Emit => {
  return [now, thread, T.kvmTdpMmuSpteChanged, 0, gfn, 1, LEAF, 0];
};

/** Begin of an invalidation of gfns [first, first + pages); the lock is held from `now + 1` on. */
function begin(now: number, thread: ThreadInfo, first: number, pages: number): Emit[] {
  const range = [HOST + first, HOST + first + pages] as const;
  return [
    [now, thread, T.kvmUnmapHvaRange, ...range],
    take(now + 1, thread),
    [now + 2, thread, T.invalidateBegin, ...range, 1, 0],
  ];
}

function end(now: number, thread: ThreadInfo, first: number, pages: number): Emit[] {
  return [
    take(now, thread),
    [now + 1, thread, T.invalidateEnd, HOST + first, HOST + first + pages, 0, 0],
    drop(now + 2, thread),
  ];
}

/** KSM merges one page: 100 ns. */
function merge(now: number, gfn: number): Emit[] {
  return [
    ...begin(now, ksmd, gfn, 1),
    zap(now + 5, ksmd, gfn),
    drop(now + 10, ksmd),
    ...end(now + 50, ksmd, gfn, 1),
    [now + 60, ksmd, T.ksmMergeOnePage, 7, 0],
  ];
}

const fault = (now: number, thread: ThreadInfo, gfn: number): Emit => [
  now,
  thread,
  T.kvmPageFault,
  thread.vcpu,
  gfn,
  6,
];
const entry = (now: number, thread: ThreadInfo): Emit => [now, thread, T.kvmEntry, thread.vcpu];
const retry = (now: number, thread: ThreadInfo, gfn: number, reason: number): Emit => {
  return [now, thread, T.faultRetry, thread.vcpu, gfn, 0, reason];
};
function mapped(now: number, thread: ThreadInfo, gfn: number): Emit[] {
  return [
    fault(now, thread, gfn),
    [now + 2, thread, T.kvmMmuSpteRequested, gfn, 7, 1],
    [now + 3, thread, T.kvmMmuSetSpte, gfn, LEAF, 0, 1],
    entry(now + 5, thread),
  ];
}
function retried(now: number, thread: ThreadInfo, gfn: number, reason: number = Detection.PreCheck1): Emit[] {
  return [fault(now, thread, gfn), retry(now + 2, thread, gfn, reason), entry(now + 5, thread)];
}

/** Enough to learn where guest memory lies. */
const lesson = [0x700, 0x701, 0x702, 0x703].flatMap((gfn, index) => merge(1000 * (index + 1), gfn));
const sorted = (emits: readonly Emit[]): Emit[] => emits.toSorted((a, b) => a[0] - b[0]);

it('finds retries and why they happened', () => {
  const found = scores(
    sorted([
      ...lesson,
      // Two invalidations at once: 0x100 to 0x110, and page 0x140.
      ...begin(10_000, storm, 0x100, 0x10),
      zap(10_010, storm, 0x100),
      zap(10_020, storm, 0x10f),
      drop(10_030, storm),
      ...merge(10_100, 0x140),
      // Covered; between the two; elsewhere, while the sequence moves; not at all.
      ...retried(10_110, v0, 0x105),
      ...retried(10_120, v0, 0x120),
      ...retried(10_130, v1, 0x500, Detection.Stale),
      ...mapped(10_140, v1, 0x501),
      ...end(10_400, storm, 0x100, 0x10),
      [10_500, storm, T.tlbFlush, 3, 1],
      ...mapped(11_000, v0, 0x105),
      // Two vCPUs want the same entry.
      fault(12_000, v0, 0x600),
      [12_002, v0, T.kvmMmuSpteRequested, 0x600, 7, 1],
      fault(12_003, v1, 0x600),
      [12_005, v1, T.kvmMmuSpteRequested, 0x600, 7, 1],
      [12_006, v1, T.kvmTdpMmuSpteChanged, 0, 0x600, 1, 0, LEAF],
      [12_007, v1, T.kvmMmuSetSpte, 0x600, LEAF, 0, 1],
      entry(12_010, v1),
      retry(12_011, v0, 0x600, Detection.LostRace),
      entry(12_012, v0),
      // The end of the trace cuts this one off.
      fault(13_000, v0, 0x601),
      retry(13_002, v0, 0x601, Detection.PreCheck1),
    ]),
  );
  expect(found['retries']).toEqual([4, 4, 4]);
  expect(found['why: page being invalidated']).toEqual([1, 1, 1]);
  expect(found['why: between two ranges']).toEqual([1, 1, 1]);
  expect(found['why: an invalidation elsewhere']).toEqual([1, 1, 1]);
  expect(found['why: lost a race']).toEqual([1, 1, 1]);
  // The storm's thread does nothing more, so nothing bounds the end of its invalidation.
  expect(found['ends']).toEqual([6, 5, 5]);
});

it('sees what explain gets wrong', () => {
  const found = scores(
    sorted([
      ...lesson,
      // A retry that the kernel shows nothing of: an emulated access that sent no event looks the same.
      fault(9000, v0, 0x300),
      entry(9010, v0),
      // A loop inside the kernel: it came back, then mapped.
      fault(9100, v0, 0x301),
      retry(9110, v0, 0x301, Detection.PreCheck1),
      [9120, v0, T.kvmMmuSpteRequested, 0x301, 7, 1],
      [9130, v0, T.kvmMmuSetSpte, 0x301, LEAF, 0, 1],
      entry(9140, v0),
    ]),
  );
  expect(found['retries']).toEqual([0, 1, 0]);
  expect(found['why: lost a race']).toEqual([0, 0, 0]);
});

it('counts yields in each invalidation, and judges holds', () => {
  const gone = (now: number, away: number, inBetween: readonly Emit[] = []): Emit[] => [
    drop(now, storm),
    ...inBetween,
    take(now + away, storm),
    [now + away + 1, storm, T.yield, MMU_LOCK, WRITE, 0x105],
  ];
  const waits = (from: number, to: number): Emit[] => [
    fault(from - 5, v0, 0x400),
    [from, v0, T.contentionBegin, MMU_LOCK, 3],
    [to, v0, T.contentionEnd, MMU_LOCK, 0],
    [to + 1, v0, T.lockAcquired, MMU_LOCK, READ],
    retry(to + 2, v0, 0x400, Detection.Stale),
    [to + 3, v0, T.lockReleased, MMU_LOCK, READ],
    entry(to + 5, v0),
  ];
  const emits = sorted([
    ...lesson,
    ...begin(10_000, storm, 0x100, 0x10),
    zap(10_010, storm, 0x100),
    zap(10_050, storm, 0x101),
    // To a vCPU that waited: seen. To nobody: unseen, and so the hold after it seems to reach over it.
    ...gone(10_060, 30, waits(10_055, 10_070)),
    zap(10_100, storm, 0x102),
    zap(10_200, storm, 0x103),
    ...gone(10_210, 20),
    zap(10_300, storm, 0x104),
    zap(10_330, storm, 0x105),
    drop(10_400, storm),
    ...end(10_500, storm, 0x100, 0x10),
    ...begin(20_000, storm, 0x200, 0x10),
    zap(20_010, storm, 0x200),
    zap(20_080, storm, 0x201),
    drop(20_101, storm),
    ...end(20_200, storm, 0x200, 0x10),
    ...begin(30_000, storm, 0x300, 1),
  ]);
  const found = scores(emits);
  expect(found['yields']).toEqual([2, 1, 1]);
  expect(found['holds']).toEqual([2, 2, 1]);
  expect(found['ends']).toEqual([6, 6, 6]);
  const holds = scoreInference(traceOf(emits), vm).find(({ what }) => what === 'holds');
  // 20,010 to 20,080 of 20,001 to 20,101.
  expect(holds).toMatchObject({ precision: 0.5, recall: 0.5, detail: 'they show 70 % of the longest hold' });
});

it('prints a table', () => {
  const rows: ScoreRow[] = [
    { what: 'retries', truth: 2000, inferred: 1990, correct: 1980, precision: 1980 / 1990, recall: 0.99 },
    { what: 'ends', truth: 0, inferred: 0, correct: 0, detail: 'none' },
  ];
  const lines = renderInferenceScore(rows, { width: 80, color: false }).split('\n');
  expect(lines[2]).toMatch(/^ {2}retries +2,000 +1,990 +1,980 +99 % +99 %$/);
  expect(lines[3]).toMatch(/^ {2}ends +0 +0 +0 +- +-$/);
  expect(lines[4]).toBe('  ends: none');
});

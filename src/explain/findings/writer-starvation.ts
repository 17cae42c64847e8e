/**
 * Writer starvation: an invalidation waits for mmu_lock while reader after reader gets it.
 *
 * qrwlock is fair, so on it this takes readers that were queued before; PREEMPT_RT's rwlock and try-lock
 * loops let readers overtake without end.
 */
import type { Analysis } from '../analysis.js';
import { NONE } from '../tables.js';
import { LockFlag } from '../waits.js';
import { duration, eventEvidence, number, threadName, type FindingRule } from './finding.js';

/** Shorter waits are ordinary contention. */
const LONG_NS = 10_000_000;
/** Fewer readers may all have been queued before the writer. */
const MANY_READERS = 8;

export const writerStarvation: FindingRule = ({ analysis, summary }) => {
  const starved = starvedWriters(analysis);
  const [worst] = starved;
  if (!worst) return undefined;
  const { threads, trace, waits } = analysis;
  const thread = waits.thread[worst.wait];
  const name = threadName({ tid: threads.tid[thread], comm: threads.comm[thread] });
  return {
    id: 'writer-starvation',
    severity: 'warning',
    title: `a writer waited ${duration(worst.waitedNs)} for mmu_lock`,
    text:
      `${name} waited ${duration(worst.waitedNs)} to take mmu_lock for write, while ` +
      `${number(worst.readers)} waiting readers ` +
      'got it: invalidations stand still, and every fault that they cover goes on retrying.',
    advice: summary.kernel.isRealTime
      ? [
          'PREEMPT_RT: its rwlock lets readers overtake writers; run latency-critical guests on a ' +
            'kernel without PREEMPT_RT.',
        ]
      : ['Fewer vCPUs faulting at once help: prefault guest memory (prealloc=on in QEMU) or use huge pages.'],
    evidence: starved.slice(0, 10).map(({ wait, waitedNs, readers }) => {
      const label = `write wait of ${duration(waitedNs)}, overtaken by ${number(readers)} readers`;
      return eventEvidence(trace, label, [waits.beginEvent[wait], waits.endEvent[wait]]);
    }),
    numbers: { waitedNs: worst.waitedNs, readers: worst.readers, waits: starved.length },
  };
};

interface Starved {
  readonly wait: number;
  readonly waitedNs: number;
  readonly readers: number;
}

/** Long write waits for an mmu_lock with many readers served meanwhile; longest first. */
function starvedWriters({ mmuLocks, trace, waits }: Analysis): Starved[] {
  const starved: Starved[] = [];
  const readerEnds = new Map<number, number[]>();
  for (const wait of waits.endOrder) {
    if (!mmuLocks[waits.lock[wait]].likely) continue;
    const ends = readerEnds.get(waits.lock[wait]) ?? [];
    readerEnds.set(waits.lock[wait], ends);
    if (waits.flags[wait] & LockFlag.read) ends.push(waits.endEvent[wait]);
    if (!(waits.flags[wait] & LockFlag.write) || waits.endEvent[wait] === NONE) continue;
    const waitedNs = trace.time[waits.endEvent[wait]] - trace.time[waits.beginEvent[wait]];
    if (waitedNs < LONG_NS) continue;
    let readers = 0;
    while (readers < ends.length && ends[ends.length - 1 - readers] > waits.beginEvent[wait]) readers++;
    if (readers >= MANY_READERS) starved.push({ wait, waitedNs, readers });
  }
  return starved.sort((a, b) => b.waitedNs - a.waitedNs);
}

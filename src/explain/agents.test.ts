import { describe, expect, it } from 'vitest';
import { traceFromText } from '../../test/support/trace-from-text.js';
import { explain } from './explain.js';

/** Agent and confidence of every invalidation, by start. */
function agentsIn(text: string) {
  const rows = [...explain(traceFromText(text), { top: 100 }).invalidations.top];
  return rows.sort((a, b) => a.start - b.start).map(({ agent, confidence }) => `${agent} ${confidence}`);
}

const COMMS = ['ksmd:5', 'khugepaged:6', 'kswapd0:7', 'kcompactd0:8', 'kdamond.0:9', 'oom_reaper:4'];

describe('agents', () => {
  it.each(
    COMMS.map((comm, at) => [comm, ['ksm', 'khugepaged', 'reclaim', 'migration', 'damon', 'oom-reaper'][at]]),
  )('know the kernel thread %s', (comm, agent) => {
    expect(agentsIn(`us | ${comm}\n 1 | unmap 1000+1\n 9 | sleep`)).toEqual([`${agent} high`]);
  });

  it('see a NUMA scan where a vCPU works through ranges, at least one of them large', () => {
    const scan = (pages: number) => `
      us | qemu:10
      1  | entry; exit
      10 | unmap 1000+3; unmap 2000+${pages}; unmap 9000+3
      20 | entry`;
    expect(agentsIn(scan(512))).toEqual([
      'numa-balancing high',
      'numa-balancing high',
      'numa-balancing high',
    ]);
    expect(agentsIn(scan(511))).toEqual(['unknown low', 'unknown low', 'unknown low']);
  });

  it('see copy on write in a single page inside a fault, and a migration where one is reported', () => {
    const inFault = (after: string) => `
      us | qemu:10
      10 | fault 5
      11 | unmap 1005+1
      12 | ${after}
      13 | entry`;
    expect(agentsIn(inFault('flush'))).toEqual(['copy-on-write medium']);
    expect(agentsIn(inFault('migrate 5'))).toEqual(['numa-balancing high']);
    expect(agentsIn(inFault('migrate 0'))).toEqual(['migration high']);
  });

  it('guess madvise for eight ranges of one size from one thread, not for seven', () => {
    const loop = (comm: string, times: number) =>
      [
        `us | ${comm}:7`,
        ...Array.from({ length: times }, (_, at) => `${10 * at} | unmap ${1000 + 100 * at}+64; sleep`),
      ].join('\n');
    expect(new Set(agentsIn(loop('host', 8)))).toEqual(new Set(['madvise medium']));
    expect(new Set(agentsIn(loop('host', 7)))).toEqual(new Set(['unknown low']));
    expect(new Set(agentsIn(loop('virtio_balloon', 7)))).toEqual(new Set(['balloon high']));
  });
});

describe('which lock is an mmu_lock', () => {
  const guessOf = (lock: string, meta = {}) => {
    const text = `
      us | qemu:10                              | host:7
      10 | fault 5; begin ${lock} read          | unmap 1000+1; begin ${lock} write
      20 | got ${lock}; map 5; entry            | got ${lock}; sleep`;
    return explain(traceFromText(text, meta)).locks[0].mmuLock;
  };

  it('is sure of a page-aligned rwlock waited for in faults and invalidations', () => {
    expect(guessOf('M')).toMatchObject({ likely: true, confidence: 'high', score: 1 });
  });

  it('doubts one whose address is not aligned, unless addresses are hashed', () => {
    expect(guessOf('X')).toMatchObject({ likely: false });
    expect(guessOf('X', { hashedPointers: true })).toMatchObject({
      likely: true,
      confidence: 'high',
      score: 0.8,
    });
  });

  it('knows that a mutex is none, and neither is a rwlock that KVM never waits for', () => {
    const { locks } = explain(
      traceFromText(`
      us | host:7
      10 | begin X mutex
      20 | got X; begin M read
      30 | got M`),
    );
    expect(locks.map(({ mmuLock }) => mmuLock.likely)).toEqual([false, false]);
    expect(locks[1].mmuLock.why).toContain('no wait for it began inside a fault or an invalidation');
  });
});

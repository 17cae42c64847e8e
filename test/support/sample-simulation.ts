/**
 * Results of simulations for tests of what shows them: two vCPUs and two storms, counted by the real
 * statistics.
 */
import { RetPf } from '../../src/model/page-fault-struct.js';
import { resolvePolicy } from '../../src/model/resolve-policy.js';
import { Detection, Tracepoint as T } from '../../src/model/tracepoints.js';
import type { RunSummary, SimulationResult } from '../../src/simulate/result.js';
import { Statistics } from '../../src/simulate/statistics.js';
import { emitAll, LOCK_ADDRESSES, MMU_LOCK, stormThread, vcpuThread, type Emit } from './emits.js';

const READ = 1;
const WRITE = 2;
const v0 = vcpuThread(0, 0);
const v1 = vcpuThread(1, 1);
const ksmd = stormThread(2, 'ksm', 'ksmd');
const storm = stormThread(3, 'madvise');

/** A fault of 4 us per attempt, an invalidation around it, and a yield to it. */
function round(now: number, retries: number): Emit[] {
  const emits: Emit[] = [
    [now, storm, T.kvmUnmapHvaRange, 1000, 1512],
    [now + 50, storm, T.lockAcquired, MMU_LOCK, WRITE],
    [now + 60, storm, T.invalidateBegin, 1000, 1512, 1, 0],
  ];
  for (let at = 0; at <= retries; at++) {
    const start = now + 100 + 4000 * at;
    const isLast = at === retries;
    emits.push(
      [start, v0, T.kvmExit, 0],
      [start + 10, v0, T.probeFaultBegin, 0, 60],
      [start + 20, v0, T.contentionBegin, MMU_LOCK, 3],
      [start + 1000, storm, T.lockReleased, MMU_LOCK, WRITE],
      [start + 1100, v0, T.lockAcquired, MMU_LOCK, READ],
      isLast
        ? [start + 1150, v0, T.probeSpteInstalled, 0, 60, 0, 5, 1]
        : [start + 1150, v0, T.faultRetry, 0, 60, 0, Detection.Stale],
      [start + 1200, v0, T.lockReleased, MMU_LOCK, READ],
      [start + 1300, storm, T.lockAcquired, MMU_LOCK, WRITE],
      [start + 1310, storm, T.yield, MMU_LOCK, WRITE, 61],
      [start + 1400, v0, T.probeFaultEnd, 0, 60, isLast ? RetPf.Fixed : RetPf.Retry],
    );
  }
  const after = now + 4000 * (retries + 1);
  emits.push(
    [after, v0, T.probeTouch, 0, 100, 100, 200],
    [after, v1, T.probeTouch, 1, 300, 0, 200],
    [after + 10, storm, T.lockReleased, MMU_LOCK, WRITE],
    [after + 20, storm, T.remoteFlush, 2, 1],
    [after + 30, storm, T.probeStartReturned, 1000, 1512, 1],
    [after + 40, storm, T.lockAcquired, MMU_LOCK, WRITE],
    [after + 50, storm, T.invalidateEnd, 1000, 1512, 1, 0],
    [after + 60, storm, T.lockReleased, MMU_LOCK, WRITE],
  );
  return emits;
}

/** @param retries of each fault; more make everything slower */
export function sampleSimulation(retries: number, run: Partial<RunSummary> = {}): SimulationResult {
  const covered = new Uint8Array(100).fill(1);
  const threads = [v0, v1, ksmd, storm];
  const statistics = new Statistics({ threads, vcpus: 2, mmuLock: LOCK_ADDRESSES, covered });
  for (let index = 0; index < 10; index++) emitAll([statistics], round(index * 1e6, retries));
  return statistics.result({
    scenario: 'incident',
    kernel: 'v6.12',
    policy: resolvePolicy('v6.12'),
    changes: {},
    seed: 1,
    version: '0.1.0',
    machine: { cpus: 16, sockets: 2, nodes: 2, vcpus: 2, pages: 262_144 },
    simulatedNs: 10e6,
    stopped: 'done',
    events: 12_345,
    operations: 67_890,
    unseed: '0123456789abcdef',
    ...run,
  });
}

/** A claim with figures made by hand, for what judges and shows them. */
import type { ClaimReport, ClaimRow, Interval } from '../../src/report/claims.js';

/** A figure that is known to a tenth. */
export function figure(mean: number): Interval {
  return { mean, low: mean * 0.9, high: mean * 1.1, median: mean, values: [mean, mean * 0.95, mean * 1.05] };
}

/** One that is known to nothing: three seeds far apart. */
export function wildFigure(least: number, median: number, most: number): Interval {
  const mean = (least + median + most) / 3;
  return { mean, low: mean - most, high: mean + most, median, values: [median, least, most] };
}

export function claimRow(label: string, stall: number, changes: Partial<ClaimRow> = {}): ClaimRow {
  return {
    label,
    cutOff: 0,
    stallNs: figure(stall),
    coveredP99Ns: figure(1000),
    uncoveredP99Ns: figure(0),
    uncoveredMaxNs: figure(0),
    touchesPerSecond: figure(1e6),
    meanStartNs: figure(stall / 2),
    longestStartNs: figure(stall),
    yields: figure(10),
    usefulYields: figure(0),
    uselessYields: figure(10),
    flushes: figure(10),
    preCheck1: figure(99),
    preCheck2: figure(0),
    recheck: figure(1),
    ...changes,
  };
}

export const sampleClaim: ClaimReport = {
  id: 'sample',
  title: 'Yielding <helps>',
  says: 'Somebody said so.',
  source: 'a mail',
  holds: 'partly',
  verdict: ['A vCPU stalls for 9 ms.', 'Nobody gains.'],
  groups: [
    {
      title: '16 vCPUs',
      figures: ['stallNs', 'yields', 'coveredP99Ns'],
      rows: [
        claimRow('yield', 9e6, { cutOff: 1, yields: wildFigure(3, 7, 20) }),
        claimRow('never', 2e5, { yields: figure(0) }),
      ],
    },
    {
      title: 'outside',
      figures: ['uncoveredMaxNs', 'touchesPerSecond'],
      rows: [claimRow('yield', 9e6, { uncoveredMaxNs: figure(8000) }), claimRow('never', 2e5)],
    },
  ],
};

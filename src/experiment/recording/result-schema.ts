/**
 * The results of runs, as a recording holds them. The same words as src/measure/run/result.ts, with their
 * checks.
 */
import { z } from 'zod';
import type { RunResult } from '../../measure/run/result.js';
import type { ArmSummary } from '../../report/measurement.js';

const ns = z.number().min(0);
const count = z.int().min(0);

const latency = z
  .strictObject({
    count,
    totalNs: ns,
    meanNs: ns,
    p50Ns: ns,
    p90Ns: ns,
    p99Ns: ns,
    p999Ns: ns,
    maxNs: ns,
    histogram: z
      .strictObject({ upToNs: z.array(ns), counts: z.array(count) })
      .describe('counts[i] durations were below upToNs[i] and not below the bound before it'),
  })
  .describe('durations in ns; all 0 when there are none');

const stall = z.strictObject({
  vcpu: count,
  durationNs: ns,
  unfinished: z.boolean().describe('it went on when the time was over'),
});

const guest = z.strictObject({
  countedNs: ns.describe('time that counts'),
  touches: count.describe('accesses that guests completed'),
  coveredTouches: count.describe('of those, to pages in the range of a storm'),
  touchesPerSecond: z.number().min(0),
  longestStall: stall.exactOptional().describe('the longest access of all, and whose it was'),
  fairness: z
    .strictObject({ jain: z.number(), minShare: z.number(), maxShare: z.number() })
    .describe("Jain's index over vCPUs; least and most share, 1 is even"),
  vcpus: z.array(z.strictObject({ vcpu: count, touches: count, longestStallNs: ns })),
});

const storm = z.strictObject({
  name: z.string(),
  kind: z.string(),
  threads: count,
  operations: count,
  operationsPerSecond: z.number().min(0),
  errors: count,
  latency: latency.describe('of one operation'),
  effects: z.record(z.string(), z.number()).describe('what came of the operations, by kind of storm'),
  notes: z.array(z.string()).describe('what this host does in its own way'),
});

const bit = z.literal([0, 1]);
const samples = z.strictObject({
  vcpu: z.array(count),
  endNs: z.array(count).describe('CLOCK_MONOTONIC at its end, the clock of traces'),
  durationNs: z.array(count),
  gfn: z.array(count),
  write: z.array(bit),
  covered: z.array(bit).describe('1: in the range of a storm'),
});

/** What one run measured. */
export const resultSchema: z.ZodType<RunResult> = z.strictObject({
  guest,
  touches: z
    .strictObject({ covered: latency, uncovered: latency })
    .describe('single accesses, timed inside the guest, by whether a storm covers the page'),
  storms: z.array(storm),
  samples: samples
    .exactOptional()
    .describe('single touches of the whole run, oldest first, one entry of each list for each'),
  kvm: z
    .record(z.string(), z.number())
    .describe('what KVM counted meanwhile (KVM_GET_STATS_FD); zeros left out'),
});

const interval = z
  .strictObject({
    mean: z.number(),
    low: z.number(),
    high: z.number(),
    median: z.number(),
    values: z.array(z.number()),
  })
  .describe(
    "over the counted runs of an arm: mean with its 95 % interval (Student's t), median, every value",
  );

/** Figures of an arm over its counted runs. */
export const summarySchema: z.ZodType<ArmSummary> = z.strictObject({
  arm: z.string(),
  runs: count.describe('that count'),
  busyRuns: count.describe('of those, during which the host was busy with something else'),
  touchesPerSecond: interval,
  coveredP50Ns: interval,
  coveredP99Ns: interval,
  coveredP999Ns: interval,
  coveredMaxNs: interval,
  uncoveredP50Ns: interval,
  uncoveredP99Ns: interval,
  uncoveredP999Ns: interval,
  uncoveredMaxNs: interval,
  stallNs: interval,
  jain: interval,
  storms: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.string(),
      operationsPerSecond: interval,
      errors: interval,
      p50Ns: interval,
      p99Ns: interval,
      maxNs: interval,
    }),
  ),
});

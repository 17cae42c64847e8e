/** From what guest and storms counted in the phases that count, to figures. */
import { bucketStart, BUCKETS, Histogram } from '../guest/histogram.js';
import { differenceOfStats, sumOfStats } from '../kvm/stats.js';
import { Latencies } from '../storms/latencies.js';
import type { StormCounts } from '../storms/counts.js';
import type { GuestSnapshot, Sample, VcpuSnapshot } from '../types.js';
import type { RunPlan } from './plan.js';
import type { LatencyDistribution, RunResult, SampleColumns, StormResult } from './result.js';

/** One phase that counts, at its begin and its end. */
export interface CountedPhase {
  readonly before: { readonly guest: GuestSnapshot };
  readonly after: { readonly guest: GuestSnapshot };
  readonly storms: readonly {
    readonly name: string;
    readonly kind: string;
    readonly threads: number;
    readonly notes: readonly string[];
    readonly counts: StormCounts;
  }[];
}

/** @param samples that were kept, oldest first; undefined: none were asked for */
export function resultOf(
  { guest: { vcpus, timed } }: RunPlan,
  phases: readonly CountedPhase[],
  samples?: readonly Sample[],
): RunResult {
  const countedNs = sum(phases, ({ before, after }) => after.guest.atNs - before.guest.atNs);
  const each = Array.from({ length: vcpus }, (_, vcpu) => vcpuOf(phases, vcpu, timed ?? true));
  const touches = sum(each, (vcpu) => vcpu.touches);
  const tscKhz = phases.at(0)?.after.guest.tscKhz ?? 1;
  const merged = (name: 'covered' | 'uncovered'): Histogram =>
    each.reduce((all, vcpu) => all.plus(vcpu[name]), Histogram.empty());
  const covered = merged('covered');
  const longest = each.reduce((most, vcpu) => (vcpu.stallNs > most.stallNs ? vcpu : most), each[0]);
  return {
    guest: {
      countedNs,
      touches,
      coveredTouches: covered.count,
      touchesPerSecond: countedNs === 0 ? 0 : (touches * 1e9) / countedNs,
      ...(longest.stallNs > 0
        ? {
            longestStall: {
              vcpu: longest.vcpu,
              durationNs: longest.stallNs,
              unfinished: longest.unfinished,
            },
          }
        : {}),
      fairness: fairnessOf(each.map((vcpu) => vcpu.touches)),
      vcpus: each.map(({ vcpu, touches: own, stallNs }) => ({ vcpu, touches: own, longestStallNs: stallNs })),
    },
    touches: {
      covered: cyclesDistribution(covered, tscKhz),
      uncovered: cyclesDistribution(merged('uncovered'), tscKhz),
    },
    storms: stormsOf(phases, countedNs),
    ...(samples === undefined ? {} : { samples: columnsOf(samples) }),
    kvm: kvmOf(phases),
  };
}

function columnsOf(samples: readonly Sample[]): SampleColumns {
  return {
    vcpu: samples.map(({ vcpu }) => vcpu),
    endNs: samples.map(({ endNs }) => Math.round(endNs)),
    durationNs: samples.map(({ durationNs }) => Math.round(durationNs)),
    gfn: samples.map(({ gfn }) => gfn),
    write: samples.map(({ write }) => (write ? 1 : 0)),
    covered: samples.map(({ covered }) => (covered ? 1 : 0)),
  };
}

interface VcpuFigures {
  readonly vcpu: number;
  readonly touches: number;
  readonly covered: Histogram;
  readonly uncovered: Histogram;
  readonly stallNs: number;
  readonly unfinished: boolean;
}

function vcpuOf(phases: readonly CountedPhase[], vcpu: number, timed: boolean): VcpuFigures {
  const pairs = phases.map(
    ({ before, after }) => [before.guest.vcpus[vcpu], after.guest.vcpus[vcpu]] as const,
  );
  const merged = (of: (snapshot: VcpuSnapshot) => Histogram): Histogram =>
    pairs.reduce((all, [before, after]) => all.plus(of(after).minus(of(before))), Histogram.empty());
  const covered = merged((snapshot) => snapshot.covered);
  const uncovered = merged((snapshot) => snapshot.uncovered);
  const ended = Math.max(0, ...pairs.map(([, after]) => after.longestStall?.durationNs ?? 0));
  const open = Math.max(0, ...pairs.map(([, after]) => after.sinceTouchNs));
  return {
    vcpu,
    // The guest's own count only where there is no other: that and the histograms are read one after the
    // other while it runs.
    touches: timed
      ? covered.count + uncovered.count
      : sum(pairs, ([before, after]) => after.touches - before.touches),
    covered,
    uncovered,
    stallNs: Math.max(ended, open),
    unfinished: open > ended,
  };
}

function fairnessOf(shares: readonly number[]): RunResult['guest']['fairness'] {
  const total = sum(shares, (share) => share);
  if (total === 0) return { jain: 1, minShare: 1, maxShare: 1 };
  const squares = sum(shares, (share) => share * share);
  const even = total / shares.length;
  return {
    jain: (total * total) / (shares.length * squares),
    minShare: Math.min(...shares) / even,
    maxShare: Math.max(...shares) / even,
  };
}

function cyclesDistribution(histogram: Histogram, tscKhz: number): LatencyDistribution {
  const ns = (cycles: number): number => (cycles * 1e6) / tscKhz;
  const upToNs: number[] = [];
  const counts: number[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (histogram.counts[bucket] === 0) continue;
    upToNs.push(ns(bucketStart(bucket + 1)));
    counts.push(histogram.counts[bucket]);
  }
  return distributionOf({
    count: histogram.count,
    totalNs: ns(histogram.totalCycles),
    quantile: (share) => ns(histogram.quantile(share)),
    maxNs: ns(histogram.longest),
    histogram: { upToNs, counts },
  });
}

function latencyDistribution(latencies: Latencies): LatencyDistribution {
  const buckets = [...latencies.buckets()];
  return distributionOf({
    count: latencies.count,
    totalNs: latencies.totalNs,
    quantile: (share) => latencies.quantile(share),
    maxNs: latencies.maxNs,
    histogram: { upToNs: buckets.map(([middle]) => middle + 1), counts: buckets.map(([, count]) => count) },
  });
}

function distributionOf(of: {
  readonly count: number;
  readonly totalNs: number;
  readonly quantile: (share: number) => number;
  readonly maxNs: number;
  readonly histogram: LatencyDistribution['histogram'];
}): LatencyDistribution {
  const { count, totalNs, quantile, maxNs, histogram } = of;
  const at = (share: number): number => (count === 0 ? 0 : quantile(share));
  return {
    count,
    totalNs,
    meanNs: count === 0 ? 0 : totalNs / count,
    p50Ns: at(0.5),
    p90Ns: at(0.9),
    p99Ns: at(0.99),
    p999Ns: at(0.999),
    maxNs,
    histogram,
  };
}

function stormsOf(phases: readonly CountedPhase[], countedNs: number): StormResult[] {
  const first = phases.at(0)?.storms ?? [];
  return first.map(({ name, kind, threads, notes }, index) => {
    const all = phases.map(({ storms }) => storms[index].counts);
    const operations = sum(all, (counts) => counts.operations);
    return {
      name,
      kind,
      threads,
      operations,
      operationsPerSecond: countedNs === 0 ? 0 : (operations * 1e9) / countedNs,
      errors: sum(all, (counts) => counts.errors),
      latency: latencyDistribution(all.reduce((total, { latency }) => total.add(latency), Latencies.none)),
      effects: effectsOf(all),
      notes,
    };
  });
}

function effectsOf(all: readonly StormCounts[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { effects } of all)
    for (const [name, value] of Object.entries(effects)) total[name] = (total[name] ?? 0) + value;
  return total;
}

/** What KVM counted, the VM's and the vCPUs' together; what is 0 is left out. */
function kvmOf(phases: readonly CountedPhase[]): Record<string, number> {
  const counted = phases.flatMap(({ before, after }) =>
    (['vm', 'vcpus'] as const).map((part) =>
      differenceOfStats(after.guest.stats[part], before.guest.stats[part]),
    ),
  );
  return Object.fromEntries(Object.entries(sumOfStats(counted)).filter(([, value]) => value !== 0));
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0);
}

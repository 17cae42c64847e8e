/**
 * Whether somebody else used the host while a run was measured: samples of /proc/stat and of our own use, and
 * a verdict.
 *
 * A run keeps the CPUs busy itself, so what counts is what is left when its own share is taken off: the time
 * of this process (vCPUs, storms and trace are threads of it) and of the kernel threads that work for it,
 * such as ksmd.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { statFields } from './process-identity.js';

/** From which values on a host is busy. */
export interface BusyBounds {
  /** Share of all CPU time that a hypervisor gave to others. */
  readonly steal: number;
  /** Share of all CPU time that other processes used. */
  readonly othersCpu: number;
  /** Threads of others that wanted to run, per CPU, on average. */
  readonly othersRunnable: number;
}

const BOUNDS: BusyBounds = { steal: 0.02, othersCpu: 0.1, othersRunnable: 0.5 };

/** Kernel threads that do what a run asks for. */
const AGENTS = ['ksmd', 'khugepaged', 'kcompactd', 'kswapd', 'kdamond'] as const;

const SAMPLE_EVERY_MS = 250;

export interface MeanAndMax {
  readonly mean: number;
  readonly max: number;
}

/** How the host was meanwhile. Shares are of all CPUs together, from 0 to 1. */
export interface BusyReport {
  readonly busy: boolean;
  /** One phrase for each bound that was passed. */
  readonly reasons: readonly string[];
  readonly durationNs: number;
  readonly samples: number;
  /** Of the last minute, before and after. */
  readonly loadAverage: { readonly before: number; readonly after: number };
  readonly steal: MeanAndMax;
  /** CPU time of this run: this process and the kernel threads that work for it. */
  readonly ownCpu: MeanAndMax;
  readonly othersCpu: MeanAndMax;
  /** Threads that run or wait for a CPU, those of this run included. */
  readonly runnable: MeanAndMax;
  /** The same without those of this run. The greatest is two counts at different moments: it says little. */
  readonly othersRunnable: MeanAndMax;
  readonly contextSwitchesPerSecond: number;
}

/** Counters at one time; times in clock ticks summed over CPUs. */
interface Sample {
  readonly atMs: number;
  readonly total: number;
  readonly idle: number;
  readonly steal: number;
  readonly own: number;
  readonly switches: number;
  readonly runnable: number;
  readonly ownRunnable: number;
}

export class BusyMonitor {
  readonly #samples: Sample[] = [];
  readonly #agents: readonly number[];
  readonly #loadBefore = loadAverage();
  readonly #timer: NodeJS.Timeout;

  private constructor(private readonly bounds: BusyBounds) {
    this.#agents = agentPids();
    this.#samples.push(this.#sample());
    this.#timer = setInterval(() => this.#samples.push(this.#sample()), SAMPLE_EVERY_MS);
    this.#timer.unref();
  }

  /** Begins to sample, four times a second, by a timer that keeps no process alive. */
  static start(bounds: Partial<BusyBounds> = {}): BusyMonitor {
    return new BusyMonitor({ ...BOUNDS, ...bounds });
  }

  /** Ends it. A run shorter than some clock ticks has no verdict: it is never busy. */
  stop(): BusyReport {
    clearInterval(this.#timer);
    this.#samples.push(this.#sample());
    return reportOf(this.#samples, this.bounds, { before: this.#loadBefore, after: loadAverage() });
  }

  #sample(): Sample {
    const text = readFileSync('/proc/stat', 'latin1');
    const [user, nice, system, idle, wait, irq, softirq, steal] = numbersOf(text, 'cpu ');
    const own = process.cpuUsage();
    return {
      atMs: performance.now(),
      total: user + nice + system + idle + wait + irq + softirq + steal,
      idle: idle + wait,
      steal,
      own: ((own.user + own.system) / 1e6) * TICKS_PER_SECOND + agentTicks(this.#agents),
      switches: numbersOf(text, 'ctxt ')[0],
      runnable: numbersOf(text, 'procs_running ')[0],
      ownRunnable: ownRunnable(this.#agents),
    };
  }
}

/** USER_HZ: what /proc counts in, on every architecture that KVM runs on. */
const TICKS_PER_SECOND = 100;
/** Below this many ticks a share is noise. */
const FEWEST_TICKS = 10;

/** @internal for tests */
export function reportOf(
  samples: readonly Sample[],
  bounds: BusyBounds,
  load: BusyReport['loadAverage'],
): BusyReport {
  const [first, last] = [samples[0], samples[samples.length - 1]];
  const pairs = samples.slice(1).map((after, i) => [samples[i], after] as const);
  const share = (of: (from: Sample, to: Sample) => number): MeanAndMax => {
    const long = pairs.filter(([from, to]) => to.total - from.total >= FEWEST_TICKS);
    return {
      mean: shareOf(first, last, of),
      max: Math.max(shareOf(first, last, of), ...long.map(([from, to]) => shareOf(from, to, of))),
    };
  };
  const own = (from: Sample, to: Sample): number => to.own - from.own;
  const steal = share((from, to) => to.steal - from.steal);
  const othersCpu = share((from, to) => {
    const used = to.total - from.total - (to.idle - from.idle) - (to.steal - from.steal);
    return used - own(from, to);
  });
  // Threads come and go between the two counts, this way and that: only the mean says something.
  const others = statisticsOf(samples.map((each) => each.runnable - each.ownRunnable));
  const othersRunnable = { mean: Math.max(0, others.mean), max: Math.max(0, others.max) };
  const seconds = (last.atMs - first.atMs) / 1000;
  const cpus = Math.max(1, (last.total - first.total) / TICKS_PER_SECOND / Math.max(seconds, 1e-3));
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  const reasons = [
    steal.mean > bounds.steal &&
      `${percent(steal.mean)} of the CPU time was stolen by the hypervisor (bound ${percent(bounds.steal)})`,
    othersCpu.mean > bounds.othersCpu &&
      `other processes used ${percent(othersCpu.mean)} of the CPU time (bound ${percent(bounds.othersCpu)})`,
    othersRunnable.mean > bounds.othersRunnable * cpus &&
      `${othersRunnable.mean.toFixed(1)} threads of others wanted to run on ${Math.round(cpus)} CPUs`,
  ].filter((reason) => reason !== false);
  const isLongEnough = last.total - first.total >= FEWEST_TICKS;
  return {
    busy: isLongEnough && reasons.length > 0,
    reasons: isLongEnough ? reasons : [],
    durationNs: Math.round((last.atMs - first.atMs) * 1e6),
    samples: samples.length,
    loadAverage: load,
    steal,
    ownCpu: share(own),
    othersCpu,
    runnable: statisticsOf(samples.map(({ runnable }) => runnable)),
    othersRunnable,
    contextSwitchesPerSecond: seconds > 0 ? Math.round((last.switches - first.switches) / seconds) : 0,
  };
}

/** From 0 to 1 of the CPU time between two samples: counters of different clocks may disagree by a tick. */
function shareOf(from: Sample, to: Sample, of: (from: Sample, to: Sample) => number): number {
  const all = to.total - from.total;
  return all <= 0 ? 0 : Math.min(1, Math.max(0, of(from, to) / all));
}

function statisticsOf(values: readonly number[]): MeanAndMax {
  return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, max: Math.max(...values) };
}

function numbersOf(text: string, start: string): number[] {
  const at = text.startsWith(start) ? 0 : text.indexOf(`\n${start}`) + 1;
  const end = text.indexOf('\n', at);
  return text
    .slice(at + start.length, end)
    .trim()
    .split(' ')
    .map(Number);
}

function loadAverage(): number {
  return Number(readFileSync('/proc/loadavg', 'latin1').split(' ')[0]);
}

/**
 * Threads of this process and of the kernel for it that run or want to; the one that asks is among them.
 */
function ownRunnable(agents: readonly number[]): number {
  const own = readdirSync('/proc/self/task').map((tid) => `/proc/self/task/${tid}/stat`);
  const all = [...own, ...agents.map((pid) => `/proc/${pid}/stat`)];
  return all.filter((path) => fieldsAt(path)?.[0] === 'R').length;
}

function agentPids(): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    const name = nameOf(pid);
    return AGENTS.some((agent) => name.startsWith(agent));
  });
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1');
  } catch {
    return '';
  }
}

function agentTicks(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = fieldsAt(`/proc/${pid}/stat`);
    return sum + Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0);
  }, 0);
}

function fieldsAt(path: string): readonly string[] | undefined {
  try {
    return statFields(readFileSync(path, 'latin1'));
  } catch {
    // It has ended since.
    return undefined;
  }
}

/** The kernel: release, how it was built, how it preempts. */
import { readFileSync } from 'node:fs';
import { release, version } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { SCHED_PREEMPT, settingValue } from '../settings.js';
import { readText } from './read.js';

export interface Preemption {
  /** What `explain` calls it; undefined when the host does not tell. */
  readonly model?: 'none' | 'voluntary' | 'full' | 'lazy' | 'rt';
  /** Whether it can be changed at boot, or now. */
  readonly isDynamic: boolean;
  /** Where that is known from. */
  readonly from: string;
}

export interface KernelFacts {
  /** `uname -v`: build number, PREEMPT flags, date. */
  readonly build: string;
  readonly preemption: Preemption;
  /** Options of its build that bear on faults and invalidations, without CONFIG_; absent: no config here. */
  readonly config?: Readonly<Record<string, string>>;
}

export function kernelFacts(): KernelFacts {
  const config = kernelConfig();
  const build = version();
  return {
    build,
    preemption: preemption(config, build),
    ...(config === undefined ? {} : { config: chosenOptions(config) }),
  };
}

function preemption(config: ReadonlyMap<string, string> | undefined, build: string): Preemption {
  const isDynamic = build.includes('PREEMPT_DYNAMIC') || config?.get('PREEMPT_DYNAMIC') === 'y';
  if (readText('/sys/kernel/realtime') === '1' || build.includes('PREEMPT_RT')) {
    return { model: 'rt', isDynamic: false, from: 'uname -v' };
  }
  const live = modelNamed(settingValue(SCHED_PREEMPT));
  if (live !== undefined) return { model: live, isDynamic, from: SCHED_PREEMPT };
  const booted = /(?:^|\s)preempt=(\w+)/.exec(readText('/proc/cmdline') ?? '')?.[1];
  const chosen = isDynamic ? modelNamed(booted) : undefined;
  if (chosen !== undefined) return { model: chosen, isDynamic, from: '/proc/cmdline' };
  const built = BUILT.find(([option]) => config?.get(option) === 'y')?.[1];
  if (built !== undefined) return { model: built, isDynamic, from: 'the configuration of the kernel' };
  if (!isDynamic && /\bPREEMPT\b/.test(build)) return { model: 'full', isDynamic, from: 'uname -v' };
  return { isDynamic, from: 'nothing here: debugfs is not mounted and there is no configuration' };
}

const MODELS = ['none', 'voluntary', 'full', 'lazy'] as const;
const BUILT: readonly (readonly [string, (typeof MODELS)[number]])[] = [
  ['PREEMPT_NONE', 'none'],
  ['PREEMPT_VOLUNTARY', 'voluntary'],
  ['PREEMPT_LAZY', 'lazy'],
  ['PREEMPT', 'full'],
];

function modelNamed(name: string | undefined): (typeof MODELS)[number] | undefined {
  return MODELS.find((each) => each === name);
}

/** All options that are set, without CONFIG_. */
function kernelConfig(): ReadonlyMap<string, string> | undefined {
  const text =
    unpacked('/proc/config.gz') ??
    readText(`/boot/config-${release()}`) ??
    readText(`/lib/modules/${release()}/config`);
  if (text === undefined) return undefined;
  return new Map([...text.matchAll(/^CONFIG_(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

function unpacked(path: string): string | undefined {
  try {
    return gunzipSync(readFileSync(path)).toString('utf8');
  } catch {
    return undefined;
  }
}

/** Preemption, ticks, KVM, agents that change memory, and debugging that makes locks and pages slow. */
const OPTIONS = new RegExp(
  [
    'PREEMPT\\w*|HZ|NO_HZ_(FULL|IDLE)|KVM(_INTEL|_AMD|_PVM)?|KVM_(MMU|GENERIC)\\w*|PARAVIRT_SPINLOCKS',
    'KSM|NUMA_BALANCING\\w*|TRANSPARENT_HUGEPAGE\\w*|HUGETLBFS|MIGRATION|USERFAULTFD',
    'IDLE_PAGE_TRACKING|DAMON\\w*|LRU_GEN\\w*',
    'LOCK_STAT|LOCKDEP|PROVE_LOCKING|DEBUG_(SPINLOCK|RWSEMS|LOCK_ALLOC|VM|PAGEALLOC)|KASAN|KCSAN|SCHED_DEBUG',
  ].join('|'),
);
const WHOLE = new RegExp(`^(${OPTIONS.source})$`);

function chosenOptions(config: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...config].filter(([name]) => WHOLE.test(name)));
}

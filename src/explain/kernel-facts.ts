/**
 * What a kernel does when page faults meet invalidations, from its release and preemption model.
 *
 * Sources: commits d02c357e5bfa (pre-check, v6.8), c793a62823d1 (needbreak follows the live preemption model,
 * v6.11), 7c70cb94d29c (lazy preemption, v6.13), 7dadeaa6e851 (x86 has only full and lazy, v7.0),
 * 7f06e3aa2e83 (PUD-level notifier of change_protection, v6.12), e1eed5847b09 (notifier zaps yield, v5.13),
 * c597bfddc9e9 (dynamic preemption, v5.16), and the sources of 5.10, 6.1, 6.12 and 7.3. Vendors backport: an
 * answer from a release string is a strong hint, not proof.
 */
import { parseRelease, type KernelVersion } from './kernel-release.js';
import type { KernelAnswer, KernelFacts } from './types.js';

/**
 * @param release `uname -r` of the traced kernel
 * @param preempt none, voluntary, full, lazy or rt; undefined when unknown
 */
export function kernelFacts(release: string | undefined, preempt: string | undefined): KernelFacts {
  const version = parseRelease(release);
  const isRealTime = version?.isRealTime === true || preempt === 'rt';
  return {
    ...(release === undefined ? {} : { release }),
    ...(version ? { version: `${version.major}.${version.minor}` } : {}),
    ...(preempt === undefined ? {} : { preempt }),
    isRealTime,
    preCheck: preCheck(version),
    yieldsOnContention: yieldsOnContention(version, preempt, isRealTime),
    numaNotifierSpan: numaNotifierSpan(version),
    agingTakesLock: agingTakesLock(version),
  };
}

const UNKNOWN: KernelAnswer = { answer: 'unknown', why: 'the trace does not name its kernel' };

function preCheck(version: KernelVersion | undefined): KernelAnswer {
  if (!version) return UNKNOWN;
  if (version.code >= 608) return { answer: 'yes', why: 'd02c357e5bfa is in v6.8 and later' };
  if (version.elMajor !== undefined && version.elMajor >= 9 && version.elBuild !== undefined) {
    return version.elBuild >= 444
      ? { answer: 'yes', why: 'Enterprise Linux 9 backported it in 5.14.0-444.el9' }
      : { answer: 'no', why: 'Enterprise Linux 9 has it only from 5.14.0-444.el9' };
  }
  return { answer: 'no', why: 'd02c357e5bfa came with v6.8, and no stable backport of it is known' };
}

function yieldsOnContention(
  version: KernelVersion | undefined,
  preempt: string | undefined,
  isRealTime: boolean,
): KernelAnswer {
  if (isRealTime) return { answer: 'no', why: 'under PREEMPT_RT rwlock_is_contended() is always 0' };
  if (!version) return UNKNOWN;
  if (version.code < 513) return { answer: 'no', why: 'notifier zaps yield only since v5.13 (e1eed5847b09)' };
  if (version.code >= 700) {
    return { answer: 'yes', why: 'since v7.0 x86 has only full and lazy preemption, and both yield' };
  }
  if (version.code >= 611) return byModel(preempt, version.code >= 613);
  if (version.vendor === 'proxmox' && version.code === 605) {
    return {
      answer: 'depends',
      why: 'Proxmox carries the scheduler patch (c793a62823d1): only preempt=full yields',
    };
  }
  if (version.code >= 516) {
    const why =
      'before v6.11 any kernel built with PREEMPT_DYNAMIC yields, even when booted with preempt=voluntary';
    return { answer: preempt === 'full' || version.vendor === 'debian' ? 'yes' : 'depends', why };
  }
  return { answer: 'depends', why: 'before v5.16 only kernels built with CONFIG_PREEMPT yield' };
}

/** v6.11 to v6.19: rwlock_needbreak() asks the live preemption model (c793a62823d1). */
function byModel(preempt: string | undefined, lazyCounts: boolean): KernelAnswer {
  const yielding = lazyCounts ? 'full and lazy' : 'full';
  if (preempt === undefined) {
    return {
      answer: 'depends',
      why: `the live preemption model decides: ${yielding} yield, none and voluntary do not`,
    };
  }
  const yields = preempt === 'full' || (lazyCounts && preempt === 'lazy');
  return yields
    ? { answer: 'yes', why: `this kernel yields under ${yielding} preemption, and runs preempt=${preempt}` }
    : { answer: 'no', why: `since v6.11 preempt=${preempt} does not yield (c793a62823d1)` };
}

function numaNotifierSpan(version: KernelVersion | undefined): KernelAnswer {
  if (!version) return UNKNOWN;
  return version.code >= 612
    ? {
        answer: 'yes',
        why: 'since v6.12 one notifier covers the rest of the scan chunk, up to 256 MiB (7f06e3aa2e83)',
      }
    : { answer: 'no', why: 'up to v6.11 a notifier opens per 1 GiB, at the first populated 2 MiB' };
}

function agingTakesLock(version: KernelVersion | undefined): KernelAnswer {
  if (!version) return UNKNOWN;
  return version.code >= 615
    ? { answer: 'no', why: 'since v6.15 aging is lockless' }
    : {
        answer: 'yes',
        why: 'before v6.15 every aged page takes mmu_lock for write, which no pre-check can avoid',
      };
}

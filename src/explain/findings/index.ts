/**
 * All findings, and their order: worst first.
 */
import type { Finding, Severity } from '../types-finding.js';
import type { FindingInput, FindingRule } from './finding.js';
import { agingStorm } from './aging-storm.js';
import { clockBackwards } from './clock-backwards.js';
import { hashedPointers } from './hashed-pointers.js';
import { hullRetries } from './hull-retries.js';
import { ksmStorm } from './ksm-storm.js';
import { lockConvoy } from './lock-convoy.js';
import { longWriteHold } from './long-write-hold.js';
import { lossyTrace } from './lossy-trace.js';
import { missingPreCheck } from './missing-pre-check.js';
import { noKvmEvents } from './no-kvm-events.js';
import { numaScanStall } from './numa-scan-stall.js';
import { retryStorm } from './retry-storm.js';
import { starvingVcpu } from './starving-vcpu.js';
import { writerStarvation } from './writer-starvation.js';
import { yieldThrash } from './yield-thrash.js';

/** Among findings of one severity, the order here: what hurts most first. */
const RULES: readonly FindingRule[] = [
  retryStorm,
  starvingVcpu,
  yieldThrash,
  longWriteHold,
  lockConvoy,
  hullRetries,
  numaScanStall,
  ksmStorm,
  writerStarvation,
  agingStorm,
  missingPreCheck,
  lossyTrace,
  noKvmEvents,
  clockBackwards,
  hashedPointers,
];

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, notice: 2, info: 3 };

export function findingsOf(input: FindingInput): Finding[] {
  const findings = RULES.flatMap((rule) => rule(input) ?? []);
  return findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

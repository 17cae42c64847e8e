/**
 * All findings, and their order: worst first.
 */
import type { Finding, Severity } from '../types-finding.js';
import type { FindingInput, FindingRule } from './finding.js';

const RULES: readonly FindingRule[] = [];

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, notice: 2, info: 3 };

export function findingsOf(input: FindingInput): Finding[] {
  const findings = RULES.flatMap((rule) => rule(input) ?? []);
  return findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

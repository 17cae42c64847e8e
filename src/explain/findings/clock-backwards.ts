/**
 * Clock backwards: time stamps of one CPU that run back, or figures that rest on a clock that is not in
 * nanoseconds.
 */
import { duration, plural, type FindingRule } from './finding.js';

export const clockBackwards: FindingRule = ({ analysis, summary }) => {
  const { clockBackwards: count } = summary.trace;
  if (count === 0) return undefined;
  const step = analysis.trace.diagnostics.largestBackstep;
  return {
    id: 'clock-backwards',
    severity: 'notice',
    title: 'the clock ran backwards',
    text:
      `${plural(count, 'event')} carried an earlier time than the one before on the same CPU, by up to ` +
      `${duration(step)}; they were ` +
      'sorted into place, so order and durations near them may be wrong.',
    advice: [
      'Record with another clock: trace-cmd record -C mono (or boot); the local clock differs between CPUs.',
    ],
    evidence: [],
    numbers: { count, largestStepNs: step },
  };
};

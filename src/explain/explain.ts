/**
 * From a trace to its explanation. Pure: no file, no clock, no printing.
 */
import type { Trace } from '../trace/store/trace.js';
import { analyse, type Analysis, type ExplainOptions } from './analysis.js';
import type { Summary } from './findings/finding.js';
import { findingsOf } from './findings/index.js';
import { summariseFaults, summariseVcpus } from './summarise-faults.js';
import { summariseAging, summariseInvalidations } from './summarise-invalidations.js';
import { summariseLocks, summarisePairing } from './summarise-locks.js';
import { countByEvent, summariseTrace } from './summarise-trace.js';
import type { Explanation } from './types.js';
import { verdictOf } from './verdict.js';

const DEFAULT_TOP = 20;
const DEFAULT_TOP_LOCKS = 100;

/** Both steps in one, for callers that draw nothing. @internal for tests */
export function explain(trace: Trace, options: ExplainOptions = {}): Explanation {
  return summarise(analyse(trace, options), options);
}

/**
 * The explanation of an analysis that the caller goes on to draw. `options` must be those of the analysis.
 */
export function summarise(analysis: Analysis, options: ExplainOptions = {}): Explanation {
  const { trace } = analysis;
  const top = options.top ?? DEFAULT_TOP;
  const summary: Summary = {
    version: 1,
    trace: summariseTrace(trace, options),
    events: trace.length,
    byEvent: countByEvent(trace),
    kernel: analysis.kernel,
    fault: summariseFaults(analysis, top),
    vcpus: summariseVcpus(analysis),
    invalidations: summariseInvalidations(analysis, top),
    aging: summariseAging(analysis),
    mapping: analysis.mapping,
    locks: summariseLocks(analysis, top, options.topLocks ?? DEFAULT_TOP_LOCKS),
    lockPairing: summarisePairing(analysis),
  };
  const findings = findingsOf({ analysis, summary });
  return { ...summary, verdict: verdictOf(summary, findings), findings };
}

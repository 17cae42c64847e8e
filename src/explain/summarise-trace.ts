/**
 * What an explanation says about the trace itself: its extent, and what is missing or odd in it.
 */
import type { Trace } from '../trace/store/trace.js';
import type { ExplainOptions } from './analysis.js';
import type { TraceSummary } from './types.js';

export function summariseTrace(trace: Trace, options: ExplainOptions): TraceSummary {
  const { diagnostics, meta } = trace;
  const start = trace.length > 0 ? trace.time[0] : 0;
  const end = trace.length > 0 ? trace.time[trace.length - 1] : 0;
  const kernel = options.kernel ?? meta.kernel;
  const preempt = options.preempt ?? meta.preempt;
  const lost = diagnostics.lost;
  const sum = (samples: Iterable<{ count: number }>) =>
    [...samples].reduce((total, { count }) => total + count, 0);
  return {
    format: meta.format,
    clock: meta.clock,
    timeUnit: meta.timeUnit,
    resolutionNs: meta.resolution ?? 1,
    start,
    end,
    durationNs: end - start,
    ...(kernel === undefined ? {} : { kernel }),
    ...(preempt === undefined ? {} : { preempt }),
    cpus: meta.cpus ?? trace.cpus().length,
    tasks: trace.tasks.length,
    hashedPointers: meta.hashedPointers === true,
    lostEvents: lost.events,
    lossesOfUnknownSize: lost.unknown,
    clockBackwards: diagnostics.clockBackwards,
    unknownLines: sum(diagnostics.unknownLines.values()),
    unparsedFields: sum(diagnostics.unparsedFields.values()),
    unknownEvents: [...diagnostics.unknownEvents.keys()],
    damage: [...diagnostics.damage],
    notes: [...diagnostics.notes],
    filtered: diagnostics.filtered,
  };
}

/** Events by name, most frequent first; names that two systems share are told apart by their system. */
export function countByEvent(trace: Trace): Record<string, number> {
  const systems = new Map<string, Set<string>>();
  for (const kind of trace.kinds) {
    if (kind.length === 0) continue;
    const known = systems.get(kind.name) ?? new Set();
    systems.set(kind.name, known.add(kind.system));
  }
  const counts = new Map<string, number>();
  for (const kind of trace.kinds) {
    if (kind.length === 0) continue;
    const isShared = (systems.get(kind.name)?.size ?? 0) > 1;
    const name = isShared ? `${kind.system}:${kind.name}` : kind.name;
    counts.set(name, (counts.get(name) ?? 0) + kind.length);
  }
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}

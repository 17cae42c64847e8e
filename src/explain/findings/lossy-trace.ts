/**
 * Truncated or lossy trace: what is missing, and what that keeps us from concluding.
 */
import type { TraceSummary } from '../types.js';
import type { LockPairing } from '../types-lock.js';
import { number, plural, type FindingRule } from './finding.js';

/** Above this share of lost events the figures are lower bounds at best. */
const MUCH = 0.01;
const MOST_EVIDENCE = 10;

export const lossyTrace: FindingRule = ({ analysis, summary }) => {
  const { lockPairing, trace } = summary;
  const missing = whatIsMissing(trace, lockPairing);
  if (missing.length === 0) return undefined;
  const { events } = summary;
  const losses = analysis.trace.diagnostics.losses;
  const isMuch =
    trace.damage.length > 0 ||
    trace.lossesOfUnknownSize > 0 ||
    trace.lostEvents > MUCH * (events + trace.lostEvents);
  return {
    id: 'lossy-trace',
    severity: isMuch ? 'warning' : 'notice',
    title: trace.lostEvents > 0 ? `${plural(trace.lostEvents, 'event')} lost` : 'the trace is incomplete',
    text:
      `${missing.join('; ')}. Counts are lower bounds: attempts, invalidations and waits in the gaps ` +
      `are missing, an episode ` +
      'across a gap is split or merged wrongly, and the absence of an event there proves nothing.',
    advice: advice(trace),
    evidence: losses.slice(0, MOST_EVIDENCE).flatMap(({ cpu, events: lost, beforeTime }) => {
      if (beforeTime === undefined || events === 0) return [];
      const event = Math.min(analysis.trace.firstAt(beforeTime), events - 1);
      const label = `CPU ${cpu} lost ${lost === undefined ? 'events' : plural(lost, 'event')} before here`;
      return [{ label, events: [event, event] as const, time: [beforeTime, beforeTime] as const }];
    }),
    numbers: { lostEvents: trace.lostEvents, places: losses.length, damage: trace.damage.length },
  };
};

function whatIsMissing(trace: TraceSummary, pairing: LockPairing): string[] {
  const parts: string[] = [];
  if (trace.lostEvents > 0)
    parts.push(`the kernel lost ${plural(trace.lostEvents, 'event')} for want of buffer space`);
  if (trace.lossesOfUnknownSize > 0) {
    parts.push(`it lost an unknown number of events at ${plural(trace.lossesOfUnknownSize, 'place')}`);
  }
  parts.push(...trace.damage.map((sentence) => sentence.replace(/\.$/, '')));
  if (trace.unknownLines > 0) parts.push(`${plural(trace.unknownLines, 'line')} could not be read`);
  if (trace.unparsedFields > 0)
    parts.push(`the fields of ${plural(trace.unparsedFields, 'event')} could not be read in full`);
  const unmatched = pairing.unmatchedBegins + pairing.unmatchedEnds;
  if (unmatched > 0) {
    parts.push(
      `${number(pairing.unmatchedBegins)} lock waits have no end and ${number(pairing.unmatchedEnds)} ` +
        `ends no begin, and count in no figure`,
    );
  }
  return parts;
}

function advice(trace: TraceSummary): string[] {
  if (trace.lostEvents === 0 && trace.lossesOfUnknownSize === 0) return [];
  return [
    'Record with larger buffers (trace-cmd record -b 65536) or fewer events (-e kvm:kvm_page_fault ' +
      'instead of -e kvm).',
  ];
}

/** What a trace holds that could not be used, and what it does not hold: counted, in words. */
import type { Explanation } from '../explain/types.js';
import { formatCount, plural } from './format.js';

export interface NotUnderstood {
  /** Sentence with its number. */
  readonly text: string;
  /** Whether conclusions of the report suffer, rather than the report being merely incomplete. */
  readonly serious: boolean;
}

/** Everything that was lost, unknown, unmatched or left out. Empty when all was understood. */
export function notUnderstood(explanation: Explanation): NotUnderstood[] {
  return [...ofTrace(explanation), ...ofLocks(explanation), ...ofFaults(explanation)];
}

function ofTrace({ trace }: Explanation): NotUnderstood[] {
  return [
    ...item(trace.lostEvents, true, (n) => `${plural(n, 'event')} lost while recording, says the kernel`),
    ...item(
      trace.lossesOfUnknownSize,
      true,
      (n) => `${plural(n, 'gap')} where events were lost and the kernel does not say how many`,
    ),
    ...item(trace.clockBackwards, true, (n) => `the clock runs backwards ${plural(n, 'time')}`),
    ...item(
      trace.hashedPointers ? 1 : 0,
      false,
      () => 'kernel addresses are hashed: locks are told apart only',
    ),
    ...item(trace.unknownLines, false, (n) => `${plural(n, 'line')} of the file not understood`),
    ...item(trace.unparsedFields, false, (n) => `${plural(n, 'field')} of known events not understood`),
    ...item(
      trace.unknownEvents.length,
      false,
      (n) => `${plural(n, 'event type')} unknown to the event table: ${trace.unknownEvents.join(', ')}`,
    ),
    ...item(
      trace.filtered,
      false,
      (n) => `${plural(n, 'event')} left out by the filters that were asked for`,
    ),
    ...trace.damage.map((text) => ({ text, serious: true })),
    ...trace.notes.map((text) => ({ text, serious: false })),
  ];
}

function ofLocks({ lockPairing: pairing }: Explanation): NotUnderstood[] {
  return [
    ...item(pairing.unmatchedBegins, false, (n) => `${plural(n, 'lock wait')} whose end is not in the trace`),
    ...item(pairing.unmatchedEnds, false, (n) => `${plural(n, 'lock wait')} whose begin is not in the trace`),
    ...item(pairing.openAtEnd, false, (n) => `${plural(n, 'lock wait')} still under way when the trace ends`),
  ];
}

function ofFaults({ fault, invalidations, mapping }: Explanation): NotUnderstood[] {
  const unknownCause = fault.retryCauses.find(({ cause }) => cause === 'unknown')?.count ?? 0;
  return [
    ...item(fault.unfinished, false, (n) => `${plural(n, 'fault')} whose end the trace does not contain`),
    ...item(
      unknownCause,
      false,
      (n) =>
        `${formatCount(n)} of ${plural(fault.outcomes.retried, 'retry', 'retries')} without a known cause`,
    ),
    ...item(
      invalidations.unbounded,
      false,
      (n) => `${plural(n, 'invalidation')} of a whole address space, not counted in pages`,
    ),
    ...item(
      invalidations.count > 0 && !mapping.known ? 1 : 0,
      false,
      () => `where guest memory lies in host memory: ${mapping.why}`,
    ),
  ];
}

function item(count: number, serious: boolean, text: (count: number) => string): NotUnderstood[] {
  return count === 0 ? [] : [{ text: text(count), serious }];
}

/**
 * One slice of the timeline each: an episode, a lock wait, an invalidation, a stretch of holding mmu_lock.
 */
import { agentWord } from './agent-words.js';
import { Outcome } from './episodes.js';
import type { TimelineSlice } from '../trace/timeline.js';
import type { Analysis } from './analysis.js';
import { episodeRow } from './summarise-faults.js';
import { invalidationRow } from './summarise-invalidations.js';
import { waitKindOf } from './summarise-locks.js';

export function episodeSlice(analysis: Analysis, episode: number, id: number, track: number): TimelineSlice {
  const row = episodeRow(analysis, episode);
  const place = row.gfn === undefined ? `page 0x${row.page.toString(16)}` : `gfn 0x${row.gfn.toString(16)}`;
  return {
    id,
    track,
    start: row.start,
    end: row.end,
    name: row.attempts === 1 ? place : `${place}: ${row.attempts} faults`,
    category: 'fault',
    details: {
      attempts: row.attempts,
      retried: row.retried,
      outcome: row.outcome,
      lockWaitNs: row.lockWaitNs,
      ...(row.cause === undefined ? {} : { cause: row.cause }),
      ...(row.agents.length === 0 ? {} : { agents: row.agents.map(agentWord).join(', ') }),
    },
    events: row.events,
  };
}

export function waitSlice(analysis: Analysis, wait: number, id: number, track: number): TimelineSlice {
  const { joins, outcome, trace, waits, yields } = analysis;
  const [begin, end] = [waits.beginEvent[wait], waits.endEvent[wait]];
  const kind = waitKindOf(waits.flags[wait]);
  const handover = yields.handoverOf[wait] < analysis.invalidations.count;
  const attempt = joins.attemptOfWait[wait];
  const fate =
    attempt < analysis.attempts.count
      ? outcome[attempt] === Outcome.mapped
        ? 'mapped'
        : 'not mapped'
      : undefined;
  return {
    id,
    track,
    start: trace.time[begin],
    end: trace.time[end],
    name: kind.endsWith('read') ? 'wait to read' : kind.endsWith('write') ? 'wait to write' : 'wait',
    category: 'wait',
    details: {
      kind,
      ...(handover ? { acquired: 'in a yield of a zapper' } : {}),
      ...(fate === undefined ? {} : { fault: fate }),
    },
    events: [begin, end],
  };
}

export function invalidationSlice(
  analysis: Analysis,
  invalidation: number,
  id: number,
  track: number,
): TimelineSlice {
  const row = invalidationRow(analysis, invalidation);
  return {
    id,
    track,
    start: row.start,
    end: row.endAtLeast,
    name: `${agentWord(row.agent)}: ${row.pages} page${row.pages === 1 ? '' : 's'}`,
    category: 'invalidation',
    inferred: row.inferredEnd,
    details: {
      agent: agentWord(row.agent),
      why: row.why,
      confidence: row.confidence,
      hva: `${row.hva[0]}-${row.hva[1]}`,
      ...(row.gfn ? { gfn: `0x${row.gfn[0].toString(16)}-0x${row.gfn[1].toString(16)}` } : {}),
      pages: row.pages,
      leaves: row.leaves,
      yields: row.yields,
      flushes: row.guestFlushes,
      retries: row.retries,
      lockWaitNs: row.lockWaitNs,
      atMostUntilNs: row.endAtMost,
    },
    events: row.events,
  };
}

/**
 * The longest stretch between two leaves of one invalidation without a yield: the lock was held for write.
 */
export function holdSlice(
  analysis: Analysis,
  invalidation: number,
  id: number,
  track: number,
): TimelineSlice {
  const { invalidations, threads, yields } = analysis;
  const thread = invalidations.thread[invalidation];
  const start = yields.heldFrom[invalidation];
  return {
    id,
    track,
    start,
    end: start + yields.heldNs[invalidation],
    name: `held for write by ${threads.comm[thread]} ${threads.tid[thread]}`,
    category: 'hold',
    inferred: true,
    details: { why: 'leaves were zapped from its start to its end, and nobody else got the lock between' },
    events: [invalidations.startEvent[invalidation], invalidations.lastEvent[invalidation]],
  };
}

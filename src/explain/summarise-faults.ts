/**
 * Fault figures of an explanation: totals, episodes, vCPUs.
 */
import { agentsOfBits, AGENTS, type Analysis } from './analysis.js';
import { CAUSES } from './causes.js';
import { distributionOf } from './distribution.js';
import { lastEventOf, Outcome, OUTCOMES } from './episodes.js';
import { offCpuNs } from './off-cpu.js';
import { Seen } from './seen.js';
import { groupBy, largest, NONE } from './tables.js';
import type { EpisodeRow, FaultOutcomes, FaultSummary, RetryCause, VcpuSummary } from './types.js';

export function summariseFaults(analysis: Analysis, top: number): FaultSummary {
  const { attempts, episodes } = analysis;
  const counts = countFlags(analysis);
  const { count } = attempts;
  const rows = new Uint32Array(count);
  for (let row = 0; row < count; row++) rows[row] = row;
  const outcomes = outcomesOver(analysis, rows);
  let longestEpisode = 0;
  let episodesWithRetry = 0;
  const durations = new Float64Array(episodes.count);
  for (let row = 0; row < episodes.count; row++) {
    longestEpisode = Math.max(longestEpisode, episodes.attempts[row]);
    if (episodes.attempts[row] > 1) episodesWithRetry++;
    durations[row] = episodes.end[row] - episodes.start[row];
  }
  return {
    source: attempts.source,
    attempts: count,
    mapped: counts.mapped,
    emulated: counts.emulated,
    retried: count - counts.mapped - counts.emulated,
    mappedAndEmulated: counts.both,
    unfinished: outcomes.unfinished,
    fastInRetried: counts.fast,
    outcomes,
    episodes: episodes.count,
    longestEpisode,
    episodesWithRetry,
    latency: distributionOf(latencies(analysis, rows)),
    mapLatency: distributionOf(mapLatencies(analysis)),
    stallLatency: distributionOf(durations.filter((_, row) => episodes.retried[row] > 0)),
    retryCauses: retryCauses(analysis),
    retriesByAgent: retriesByAgent(analysis),
    episodeLengths: episodeLengths(episodes.attempts, episodes.count),
    topEpisodes: largest(episodes.attempts, episodes.count, top).map((row) => topRow(analysis, row)),
    topStalls: largest(durations, episodes.count, top).map((row) => topRow(analysis, row)),
  };
}

function countFlags({ attempts }: Analysis): {
  mapped: number;
  emulated: number;
  both: number;
  fast: number;
} {
  const counts = { mapped: 0, emulated: 0, both: 0, fast: 0 };
  for (let row = 0; row < attempts.count; row++) {
    const flags = attempts.flags[row];
    const mapped = (flags & Seen.requested) !== 0;
    const emulated = (flags & Seen.mmio) !== 0;
    if (mapped) counts.mapped++;
    if (emulated) counts.emulated++;
    if (mapped && emulated) counts.both++;
    if (!mapped && !emulated && flags & (Seen.fastFixed | Seen.fastSpurious)) counts.fast++;
  }
  return counts;
}

function outcomesOver({ outcome }: Analysis, rows: Uint32Array): FaultOutcomes {
  const counts = new Uint32Array(OUTCOMES.length);
  for (const row of rows) counts[outcome[row]]++;
  const [mapped, fast, spurious, emulated, retried, unfinished] = counts;
  return { mapped, fast, spurious, emulated, retried, unfinished };
}

/** Fault to guest entry, of the attempts whose entry was recorded. */
function latencies({ attempts, trace }: Analysis, rows: Uint32Array): Float64Array {
  const values = new Float64Array(rows.length);
  let count = 0;
  for (const row of rows) {
    if ((attempts.flags[row] & Seen.ended) === 0) continue;
    values[count++] = trace.time[attempts.endEvent[row]] - trace.time[attempts.startEvent[row]];
  }
  return values.subarray(0, count);
}

function mapLatencies({ attempts, outcome, trace }: Analysis): Float64Array {
  const values = new Float64Array(attempts.count);
  let count = 0;
  for (let row = 0; row < attempts.count; row++) {
    if (outcome[row] !== Outcome.mapped || attempts.setEvent[row] === NONE) continue;
    values[count++] = trace.time[attempts.setEvent[row]] - trace.time[attempts.startEvent[row]];
  }
  return values.subarray(0, count);
}

function retryCauses({ attempts, outcome, causes }: Analysis): FaultSummary['retryCauses'] {
  const counts = new Uint32Array(CAUSES.length);
  const likely = new Uint32Array(CAUSES.length);
  for (let row = 0; row < attempts.count; row++) {
    if (outcome[row] !== Outcome.retried) continue;
    counts[causes.cause[row]]++;
    likely[causes.cause[row]] += causes.likely[row];
  }
  const list = CAUSES.map((cause, code) => ({ cause, count: counts[code], likely: likely[code] }));
  return list.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
}

function retriesByAgent({ attempts, causes }: Analysis): FaultSummary['retriesByAgent'] {
  const counts = new Uint32Array(AGENTS.length);
  for (let row = 0; row < attempts.count; row++) {
    for (let bits = causes.agents[row], code = 0; bits !== 0; bits >>>= 1, code++)
      if (bits & 1) counts[code]++;
  }
  const list = AGENTS.map((agent, code) => ({ agent, count: counts[code] }));
  return list.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
}

/** Powers of two: 1, 2, 3-4, 5-8 ... */
function episodeLengths(attempts: Uint32Array, count: number): FaultSummary['episodeLengths'] {
  const counts: number[] = [];
  for (let row = 0; row < count; row++) {
    const bucket = Math.ceil(Math.log2(attempts[row]));
    while (counts.length <= bucket) counts.push(0);
    counts[bucket]++;
  }
  return { upTo: counts.map((_, bucket) => 2 ** bucket), counts };
}

/** Attempts of an episode, in order. */
function attemptsOfEpisode({ attempts, episodes }: Analysis, episode: number): number[] {
  const rows: number[] = [];
  for (let row = episodes.first[episode]; row !== NONE; row = attempts.next[row]) {
    rows.push(row);
    if (row === episodes.last[episode]) break;
  }
  return rows;
}

/** A row of the lists, which are short enough to look for context switches as well. */
function topRow(analysis: Analysis, episode: number): EpisodeRow {
  const row = episodeRow(analysis, episode);
  const offCpu = offCpuNs(analysis.trace, row.tid, row.start, row.end);
  return offCpu === undefined ? row : { ...row, offCpuNs: offCpu };
}

export function episodeRow(analysis: Analysis, episode: number): EpisodeRow {
  const { attempts, causes, episodes, joins, outcome, threads } = analysis;
  const rows = attemptsOfEpisode(analysis, episode);
  const perCause = new Uint32Array(CAUSES.length);
  let agents = 0;
  let lockWaitNs = 0;
  for (const row of rows) {
    lockWaitNs += joins.attemptWaitNs[row];
    if (outcome[row] !== Outcome.retried) continue;
    perCause[causes.cause[row]]++;
    agents |= causes.agents[row];
  }
  const cause: RetryCause | undefined = largest(perCause, perCause.length, 1).map((code) => CAUSES[code])[0];
  const thread = episodes.thread[episode];
  const { first, last } = { first: episodes.first[episode], last: episodes.last[episode] };
  const vcpu = attempts.vcpuOf[thread];
  return {
    tid: threads.tid[thread],
    comm: threads.comm[thread],
    ...(vcpu < 0 ? {} : { vcpu }),
    page: episodes.page[episode],
    ...(attempts.gfn[last] < 0 ? {} : { gfn: attempts.gfn[last] }),
    attempts: episodes.attempts[episode],
    retried: episodes.retried[episode],
    outcome: OUTCOMES[outcome[last]],
    start: episodes.start[episode],
    end: episodes.end[episode],
    durationNs: episodes.end[episode] - episodes.start[episode],
    lockWaitNs,
    ...(cause === undefined ? {} : { cause }),
    agents: agentsOfBits(agents),
    events: [attempts.startEvent[first], lastEventOf(attempts, last)],
  };
}

export function summariseVcpus(analysis: Analysis): VcpuSummary[] {
  const { agents, attempts, episodes, invalidations, joins, threads } = analysis;
  const attemptsBy = groupBy(attempts.thread, attempts.count, threads.count);
  const episodesBy = groupBy(episodes.thread, episodes.count, threads.count);
  const issued = new Uint32Array(threads.count);
  for (let row = 0; row < invalidations.count; row++) issued[invalidations.thread[row]]++;
  const result: VcpuSummary[] = [];
  for (let thread = 0; thread < threads.count; thread++) {
    if (!agents.isVcpu[thread]) continue;
    const rows = attemptsBy.rows.subarray(attemptsBy.offsets[thread], attemptsBy.offsets[thread + 1]);
    const vcpu = attempts.vcpuOf[thread];
    const own = episodesBy.rows.subarray(episodesBy.offsets[thread], episodesBy.offsets[thread + 1]);
    result.push({
      tid: threads.tid[thread],
      comm: threads.comm[thread],
      ...(vcpu < 0 ? {} : { vcpu }),
      attempts: rows.length,
      outcomes: outcomesOver(analysis, rows),
      episodes: own.length,
      ...stalls(analysis, own),
      latency: distributionOf(latencies(analysis, rows)),
      lockWaitNs: joins.threadWaitNs[thread],
      invalidations: issued[thread],
    });
  }
  return result.sort((a, b) => b.attempts - a.attempts);
}

function stalls({ episodes }: Analysis, rows: Uint32Array) {
  const result = { episodesWithRetry: 0, longestEpisode: 0, stalledNs: 0, longestStallNs: 0 };
  for (const row of rows) {
    const duration = episodes.end[row] - episodes.start[row];
    result.longestEpisode = Math.max(result.longestEpisode, episodes.attempts[row]);
    result.longestStallNs = Math.max(result.longestStallNs, duration);
    if (episodes.attempts[row] > 1) result.episodesWithRetry++;
    if (episodes.retried[row] > 0) result.stalledNs += duration;
  }
  return result;
}

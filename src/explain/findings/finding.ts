/**
 * What a finding is given, and small helpers for its sentences.
 */
import { agentWord } from '../agent-words.js';
import type { Trace } from '../../trace/store/trace.js';
import type { Analysis } from '../analysis.js';
import type { Evidence, Finding } from '../types-finding.js';
import type { EpisodeRow, Explanation, InvalidationRow } from '../types.js';

/** An explanation before findings and verdict. */
export type Summary = Omit<Explanation, 'findings' | 'verdict'>;

export interface FindingInput {
  readonly analysis: Analysis;
  readonly summary: Summary;
}

/** Looks at the analysis; undefined when there is nothing to say. */
export type FindingRule = (input: FindingInput) => Finding | undefined;

/** `1,005` */
export function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `1,005 faults`, `1 fault` */
export function plural(value: number, noun: string, many = `${noun}s`): string {
  return `${number(value)} ${value === 1 ? noun : many}`;
}

/** `212 ms`: three digits and the unit that suits. */
export function duration(ns: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'us'],
  ];
  const [size, unit] = units.find(([least]) => ns >= 0.9995 * least) ?? [1, 'ns'];
  const value = ns / size;
  if (unit === 'ns' || value >= 99.95) return `${number(value)} ${unit}`;
  return `${value >= 9.995 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

/** `12 %`, `0.4 %` */
export function percent(part: number, whole: number): string {
  const share = whole === 0 ? 0 : (100 * part) / whole;
  return `${share >= 9.95 || share === 0 ? share.toFixed(0) : share.toFixed(1)} %`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** `vCPU 1 (kvmstorm 222)` */
export function threadName(thread: { tid: number; comm: string; vcpu?: number }): string {
  const name = `${thread.comm} ${thread.tid}`;
  return thread.vcpu === undefined ? name : `vCPU ${thread.vcpu} (${name})`;
}

export function pageName(episode: EpisodeRow): string {
  return episode.gfn === undefined ? `page ${hex(episode.page)}` : `gfn ${hex(episode.gfn)}`;
}

export function episodeEvidence(episode: EpisodeRow): Evidence {
  const label = `${threadName(episode)}: ${plural(episode.attempts, 'fault')} on ${pageName(episode)}`;
  return { label, events: episode.events, time: [episode.start, episode.end], tid: episode.tid };
}

export function invalidationEvidence(row: InvalidationRow): Evidence {
  const leaves = plural(row.leaves, 'leaf', 'leaves');
  const label = `${agentWord(row.agent)} by ${row.comm} ${row.tid}: ${plural(row.pages, 'page')}, ${leaves}`;
  return { label, events: row.events, time: [row.start, row.endAtLeast], tid: row.tid };
}

/** Evidence from its first to its last event, with the thread of the first. */
export function eventEvidence(
  trace: Trace,
  label: string,
  events: readonly [first: number, last: number],
): Evidence {
  const [first, last] = events;
  return { label, events, time: [trace.time[first], trace.time[last]], tid: trace.tidOf(first) };
}

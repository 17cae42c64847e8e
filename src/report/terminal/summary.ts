/** The terminal summary of one recording. */
import type { EpisodeRow, Explanation } from '../../explain/types.js';
import type { Finding } from '../../explain/types-finding.js';
import { formatCount, formatDuration, formatPercent, formatTime, plural } from '../format.js';
import { notUnderstood } from '../not-understood.js';
import { CAUSE_WORDS, OUTCOME_WORDS, SEVERITY_MARKS } from '../words.js';
import { agentTable, episodeTable, lockTable, vcpuTable } from './tables.js';
import { sheetOf, type Sheet, type TerminalOptions } from './sheet.js';
import { clean, hanging, wrap, type Style } from './text.js';

/**
 * Summary of one recording for a terminal: what it is, verdict, findings, vCPUs, invalidations, locks, and
 * what was not understood. Ends with a line break.
 */
export function renderTerminal(explanation: Explanation, options: TerminalOptions): string {
  const sheet = sheetOf(options);
  const sections = [
    about(explanation, sheet),
    verdict(explanation, sheet),
    findings(explanation.findings, sheet),
    faults(explanation, sheet),
    titled('Longest episodes', episodeTable(mostFaults(explanation), sheet), sheet),
    titled('Longest stalls', episodeTable(explanation.fault.topStalls, sheet), sheet),
    titled('vCPUs', vcpuTable(explanation, sheet), sheet),
    invalidations(explanation, sheet),
    locks(explanation, sheet),
    unknown(explanation, sheet),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** Episodes with retries only: the others are ordinary faults. */
function mostFaults({ fault }: Explanation): EpisodeRow[] {
  return fault.topEpisodes.filter(({ attempts }) => attempts > 1);
}

function titled(title: string, lines: readonly string[], { paint }: Sheet): string[] {
  return lines.length === 0 ? [] : [paint(title, 'bold'), ...lines];
}

function about({ trace, events, kernel }: Explanation, sheet: Sheet): string[] {
  const lost =
    trace.lostEvents > 0 || trace.lossesOfUnknownSize > 0
      ? `${formatCount(trace.lostEvents)} lost` +
        (trace.lossesOfUnknownSize > 0 ? ', and more of unknown number' : '')
      : 'none lost';
  const facts: readonly (readonly [string, string])[] = [
    ['kernel', `${kernel.release ?? trace.kernel ?? 'unknown'}, preempt ${preemptOf(trace.preempt)}`],
    [
      'trace',
      `${trace.format}, ${formatDuration(trace.durationNs)}, ${plural(events, 'event')}, ${lost}; ` +
        `${plural(trace.cpus, 'CPU')}, ${plural(trace.tasks, 'task')}` +
        (trace.clock === '' ? '' : `, clock ${trace.clock}`),
    ],
  ];
  return facts.flatMap(([name, text]) => hanging(`${name.padEnd(7)} `, text, sheet.width));
}

function preemptOf(preempt: string | undefined): string {
  return preempt ?? 'unknown';
}

function verdict({ verdict: sentences }: Explanation, sheet: Sheet): string[] {
  return sentences.flatMap((sentence) =>
    wrap(sentence, sheet.width).map((line) => sheet.paint(line, 'bold')),
  );
}

const SEVERITY_STYLES: Readonly<Record<Finding['severity'], readonly Style[]>> = {
  critical: ['bold', 'red'],
  warning: ['bold', 'yellow'],
  notice: ['bold', 'cyan'],
  info: ['bold'],
};

function findings(all: readonly Finding[], sheet: Sheet): string[] {
  if (all.length === 0) return ['No findings.'];
  // Findings share causes, and so advice: each piece is printed once, where it is worth most.
  const given = new Set<string>();
  const fresh = all.map(({ advice }) => advice.filter((each) => !given.has(each) && given.add(each)));
  return all.flatMap((finding, index) => [
    ...(index === 0 ? [] : ['']),
    ...hanging(
      `${SEVERITY_MARKS[finding.severity]} `,
      `${finding.title} [${finding.severity}]`,
      sheet.width,
    ).map((line) => sheet.paint(line, ...SEVERITY_STYLES[finding.severity])),
    ...hanging('  ', finding.text, sheet.width),
    ...fresh[index].flatMap((each) => hanging('  → ', each, sheet.width)),
    ...evidenceLine(finding, sheet),
  ]);
}

function evidenceLine(finding: Finding, sheet: Sheet): string[] {
  const first = finding.evidence.at(0);
  if (first === undefined) return [];
  const more = finding.evidence.length - 1;
  const text =
    `evidence: ${first.label}, ${formatTime(first.time[0])} to ${formatTime(first.time[1])}, ` +
    `events ${formatCount(first.events[0])} to ${formatCount(first.events[1])}` +
    (more > 0 ? ` and ${plural(more, 'more place')}` : '');
  return hanging('  ', text, sheet.width).map((line) => sheet.paint(line, 'dim'));
}

function faults({ fault }: Explanation, sheet: Sheet): string[] {
  if (fault.source === 'none') return [];
  const { outcomes, attempts } = fault;
  const parts = Object.entries(OUTCOME_WORDS).flatMap(([key, word]) => {
    const count = outcomes[key as keyof typeof outcomes];
    return count === 0 ? [] : [`${formatCount(count)} ${word} (${formatPercent(count, attempts)})`];
  });
  const causes = fault.retryCauses
    .filter(({ count }) => count > 0)
    .map(({ cause, count }) => `${CAUSE_WORDS[cause]} ${formatCount(count)}`);
  const from = fault.source === 'kvmmmu' ? ', read from kvmmmu events' : '';
  const lines = [
    `${plural(attempts, 'attempt')}${from}: ${parts.join(', ')}.`,
    `${plural(fault.episodes, 'episode')}, ${formatCount(fault.episodesWithRetry)} with retries, ` +
      `the longest of ${plural(fault.longestEpisode, 'attempt')}.`,
    `Fault to guest entry: p50 ${formatDuration(fault.latency.p50Ns)}, ` +
      `p99 ${formatDuration(fault.latency.p99Ns)}, max ${formatDuration(fault.latency.maxNs)}.`,
    ...(causes.length === 0 ? [] : [`Why retried: ${causes.join('; ')}.`]),
  ];
  return titled(
    'Faults',
    lines.flatMap((line) => hanging('  ', line, sheet.width)),
    sheet,
  );
}

function invalidations(explanation: Explanation, sheet: Sheet): string[] {
  const { invalidations: all, aging } = explanation;
  if (all.count === 0 && aging.count === 0) return [];
  const ends = all.endsInferred ? ' (ends inferred)' : '';
  const text =
    `${formatCount(all.count)} of ${plural(all.pages, 'page')}, ` +
    `${formatCount(all.leaves)} mappings zapped; under way p50 ${formatDuration(all.underWay.p50Ns)}, ` +
    `max ${formatDuration(all.underWay.maxNs)}${ends}; ` +
    `${plural(all.yields, 'yield')}${all.yieldSource === 'inferred' ? ' (inferred)' : ''}.`;
  const aged = `${plural(aging.count, 'aging call')}, ${formatCount(Math.round(aging.perSecond))}/s.`;
  return titled(
    'Invalidations',
    [
      ...hanging('  ', text, sheet.width),
      ...agentTable(explanation, sheet),
      ...(aging.count > 0 ? hanging('  ', aged, sheet.width) : []),
    ],
    sheet,
  );
}

function locks(explanation: Explanation, sheet: Sheet): string[] {
  const { lockPairing: pairing, locks: shown } = explanation;
  if (pairing.waits === 0 && shown.length === 0) return [];
  const top = shown.slice(0, sheet.top);
  const rest = pairing.locks - top.length;
  const more = rest > 0 ? hanging('  ', `and ${plural(rest, 'lock')} with fewer waits`, sheet.width) : [];
  return titled('Locks', [...lockTable(top, sheet), ...more.map((line) => sheet.paint(line, 'dim'))], sheet);
}

function unknown(explanation: Explanation, sheet: Sheet): string[] {
  const items = notUnderstood(explanation);
  if (items.length === 0) return ['Every line and field of the trace was understood; nothing was lost.'];
  return titled(
    'What was not understood',
    items.flatMap((item) => hanging('  ', clean(item.text), sheet.width)),
    sheet,
  );
}

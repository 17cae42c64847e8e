/** The report of one recording as a page. */
import { formatCount, formatDuration, formatPercent, plural } from '../format.js';
import type { ReportInput } from '../types.js';
import { agents, retryCauses } from './blame.js';
import { episodes, invalidationRows, kernelFacts, lockTable, vcpus } from './details.js';
import { figures } from './figures.js';
import { findings } from './findings.js';
import { glossary } from './glossary.js';
import { html, type Content, type Markup } from './markup.js';
import { page } from './shell.js';
import { timelineSection } from './timeline-section.js';
import { unknownPanel } from './unknown-panel.js';

/** One self-contained page: readable offline, from a file, and printable. */
export function renderHtml(report: ReportInput): string {
  return page({
    title: `${report.name} · faultline`,
    sections: [
      ['findings', 'Findings'],
      ['timeline', 'Timeline'],
      ['figures', 'Distributions'],
      ['blame', 'Who did it'],
      ['details', 'Tables'],
      ['unknown', 'Not understood'],
      ['glossary', 'Glossary'],
    ],
    body: html`<header class="page">
        <h1>${report.name}</h1>
        ${subtitle(report)}
      </header>
      <main>
        <div data-recording="0">${recordingBody(report, 0)}</div>
        ${glossary()}
      </main>`,
  });
}

/**
 * Everything about one recording below its title.
 *
 * @param index which recording of the page; section anchors of the first have no number
 */
export function recordingBody(report: ReportInput, index: number): Markup {
  const { explanation } = report;
  const anchor = (name: string): string => (index === 0 ? name : `${name}-${index}`);
  return html`
    <div class="verdict">${explanation.verdict.map((sentence) => html`<p>${sentence}</p>`)}</div>
    ${tiles(report)}
    <section id="${anchor('findings')}">
      <h2>Findings</h2>
      ${findings(explanation)}
    </section>
    <section id="${anchor('timeline')}">
      <h2>Timeline</h2>
      ${timelineSection(report)}
    </section>
    <section id="${anchor('figures')}">
      <h2>Distributions</h2>
      ${figures(report)}
    </section>
    <section id="${anchor('blame')}">
      <h2>Who changed guest memory</h2>
      ${agents(explanation)} ${retryCauses(explanation)}
    </section>
    <section id="${anchor('details')}">
      <h2>Tables</h2>
      ${episodes(explanation)} ${invalidationRows(explanation)} ${vcpus(explanation)}
      ${lockTable(explanation)} ${kernelFacts(explanation)}
    </section>
    <section id="${anchor('unknown')}">
      <h2>What I did not understand</h2>
      ${unknownPanel(explanation)}
    </section>
  `;
}

/** Facts about the recording. @param preempt the kernel's preemption model, where the trace does not say */
export function subtitle({ explanation }: ReportInput, preempt = 'unknown'): Markup {
  const { trace, kernel, events } = explanation;
  const lost = trace.lostEvents > 0 || trace.lossesOfUnknownSize > 0;
  const facts: readonly (readonly [name: string, value: Content])[] = [
    ['kernel', kernel.release ?? trace.kernel ?? 'unknown'],
    ['preemption', kernel.preempt ?? trace.preempt ?? preempt],
    ['duration', formatDuration(trace.durationNs)],
    ['events', formatCount(events)],
    [
      'lost',
      lost
        ? html`<b class="bad"
            >${formatCount(trace.lostEvents)}${trace.lossesOfUnknownSize > 0 && ' and more'}</b
          >`
        : 'none',
    ],
    ['machine', `${plural(trace.cpus, 'CPU')}, ${plural(trace.tasks, 'task')}`],
    ['file', `${trace.format}, clock ${trace.clock}`],
  ];
  return html`<dl class="facts head">
    ${facts.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function tiles({ explanation }: ReportInput): Markup {
  const { fault, invalidations, locks } = explanation;
  const mmuLocks = locks.filter(({ mmuLock }) => mmuLock.likely);
  const waited = mmuLocks.reduce((sum, { totalNs }) => sum + totalNs, 0);
  const longest = mmuLocks.reduce((most, { maxNs }) => Math.max(most, maxNs), 0);
  const all: readonly (readonly [value: string, words: string, note: string])[] = [
    [
      formatCount(fault.attempts),
      'fault attempts',
      `${formatPercent(fault.outcomes.retried, fault.attempts)} retried`,
    ],
    [
      formatCount(fault.longestEpisode),
      'faults in the longest episode',
      `${plural(fault.episodesWithRetry, 'episode')} with retries`,
    ],
    [
      formatDuration(fault.stallLatency.maxNs),
      'longest stall',
      `p99 ${formatDuration(fault.stallLatency.p99Ns)} of stalls`,
    ],
    [
      formatCount(invalidations.count),
      'invalidations',
      `${formatCount(invalidations.leaves)} mappings zapped`,
    ],
    [
      formatDuration(waited),
      'waited for mmu_lock',
      mmuLocks.length === 0 ? 'no mmu_lock seen' : `longest ${formatDuration(longest)}`,
    ],
  ];
  return html`<ul class="tiles">
    ${all.map(
      ([value, words, note]) => html`<li><b>${value}</b><span>${words}</span><small>${note}</small></li>`,
    )}
  </ul>`;
}

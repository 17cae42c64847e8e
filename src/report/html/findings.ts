/** Findings as cards, the worst first: sentence, figures, advice, and buttons to the evidence. */
import type { Explanation } from '../../explain/types.js';
import type { Evidence, Finding } from '../../explain/types-finding.js';
import { formatCount, formatDuration, formatPercent } from '../format.js';
import { SEVERITY_MARKS, SEVERITY_WORDS } from '../words.js';
import { jumpButton } from './jump.js';
import { html, type Markup } from './markup.js';

const MOST_EVIDENCE = 6;

export function findings({ findings: all }: Explanation): Markup {
  if (all.length === 0) return html`<p>Nothing to report: no finding applies to this recording.</p>`;
  return html`<div class="cards">${all.map(card)}</div>`;
}

function card(finding: Finding): Markup {
  const { severity, evidence } = finding;
  const more = evidence.length - MOST_EVIDENCE;
  return html`<article class="card ${severity}" data-finding="${finding.id}">
    <h3><span class="mark" aria-hidden="true">${SEVERITY_MARKS[severity]}</span> ${finding.title}</h3>
    <span class="severity">${SEVERITY_WORDS[severity]}</span>
    <p>${finding.text}</p>
    ${
      finding.advice.length > 0 &&
      html`<div class="advice">
        <b>What helps</b>
        <ul>
          ${finding.advice.map((each) => html`<li>${each}</li>`)}
        </ul>
      </div>`
    }
    ${
      evidence.length > 0 &&
      html`<div class="buttons">
        <b>See</b> ${evidence.slice(0, MOST_EVIDENCE).map(evidenceButton)}
        ${more > 0 && html`<span class="muted">and ${formatCount(more)} more</span>`}
      </div>`
    }
    ${numbers(finding)}
  </article>`;
}

function evidenceButton({ label, time, tid }: Evidence): Markup {
  return jumpButton(label, { start: time[0], end: time[1], ...(tid === undefined ? {} : { tid }) });
}

function numbers({ numbers: all }: Finding): Markup | undefined {
  const entries = Object.entries(all);
  if (entries.length === 0) return undefined;
  return html`<details>
    <summary>Figures</summary>
    <dl class="facts">
      ${entries.map(
        ([name, value]) =>
          html`<div>
            <dt>${wordsOf(name)}</dt>
            <dd>${figure(name, value)}</dd>
          </div>`,
      )}
    </dl>
  </details>`;
}

/** `longestStallNs` -> `longest stall`: the unit is in the value. */
function wordsOf(name: string): string {
  return name
    .replace(/Ns$/, '')
    .replace(
      /([a-z0-9])([A-Z])/g,
      (_, before: string, letter: string) => `${before} ${letter.toLowerCase()}`,
    );
}

function figure(name: string, value: number): string {
  if (name.endsWith('Ns')) return formatDuration(value);
  if (/(share|fraction|ratio)$/i.test(name) && value >= 0 && value <= 1) return formatPercent(value, 1);
  return formatCount(value);
}

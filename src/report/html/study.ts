/** A study as a page: comparison first, then each recording behind its tab. */
import { comparisonRow } from '../comparison-row.js';
import type { StudyInput } from '../types.js';
import { claimsSection } from './claims.js';
import { comparisonCharts, comparisonTable } from './comparison.js';
import { glossary } from './glossary.js';
import { html } from './markup.js';
import { measuredSection } from './measured.js';
import { recordingBody, subtitle } from './report.js';
import { page } from './shell.js';

/** One self-contained page about several recordings. Timelines are unpacked when their tab is opened. */
export function renderStudy(study: StudyInput): string {
  const { title, intro, recordings, verdict, claims = [], simulated = [] } = study;
  const { measured = [], measuredRecordings = [] } = study;
  const tabs = [...recordings, ...measuredRecordings, ...simulated];
  const rows = recordings.map(comparisonRow);
  return page({
    title: `${title} · faultline`,
    sections: [
      ['comparison', 'Comparison'],
      ...(measured.length > 0 ? [['measured', 'Measured'] as const] : []),
      ...(claims.length > 0 ? [['claims', 'Simulated'] as const] : []),
      ['recordings', 'Recordings'],
      ['glossary', 'Glossary'],
    ],
    body: html`<header class="page">
        <h1>${title}</h1>
        ${intro.map((paragraph) => html`<p>${paragraph}</p>`)}
      </header>
      <main>
        <div class="verdict">${verdict.map((sentence) => html`<p>${sentence}</p>`)}</div>
        <section id="comparison">
          <h2>Comparison</h2>
          ${comparisonTable(rows)}
          <div class="charts">${comparisonCharts(rows, recordings)}</div>
        </section>
        ${measured.length > 0 && measuredSection(measured)} ${claims.length > 0 && claimsSection(claims)}
        <section id="recordings">
          <div class="tabs" role="tablist" aria-label="Recordings">
            ${tabs.map(
              ({ name }, i) =>
                html`<button
                  type="button"
                  role="tab"
                  id="tab-${i}"
                  data-tab="${i}"
                  aria-controls="recording-${i}"
                  aria-selected="${String(i === 0)}"
                >
                  ${name}
                </button>`,
            )}
          </div>
          ${tabs.map(
            (recording, i) =>
              html`<div
                class="recording${i > 0 && ' off'}"
                role="tabpanel"
                id="recording-${i}"
                data-recording="${i}"
                aria-labelledby="tab-${i}"
              >
                <h2>${recording.name}</h2>
                <p>${recording.description}</p>
                ${subtitle(recording, recording.preempt)} ${recordingBody(recording, i)}
              </div>`,
          )}
        </section>
        ${glossary()}
      </main>`,
  });
}

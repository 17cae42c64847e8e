/** Scenarios that were measured on this host, on the study's page. */
import type { Distribution } from '../../explain/types.js';
import {
  armLines,
  intervalText,
  type ArmSummary,
  type MeasuredScenario,
  type MeasurementReport,
} from '../measurement.js';
import { histogram } from './histogram.js';
import { html, type Markup } from './markup.js';

type Measured = Extract<MeasuredScenario, { report: MeasurementReport }>;

export function measuredSection(measured: readonly MeasuredScenario[]): Markup {
  const done = measured.flatMap((each) => ('report' in each ? [each] : []));
  const not = measured.flatMap((each) => ('report' in each ? [] : [whyNot(each.scenario, each.notMeasured)]));
  return html`<section id="measured">
    <h2>Measured on this machine</h2>
    ${
      done.length > 0 &&
      html`<p class="muted">
          Real KVM, on the machine where this page was made. Median of the runs that count, with the least and
          the most. Times are of single accesses, timed inside the guest, and of single operations of a storm.
        </p>
        ${table(done)} ${done.map(scenarioPart)}`
    }
    ${not}
  </section>`;
}

const whyNot = (scenario: string, reason: string): Markup =>
  html`<p><b>${scenario}</b> was not measured: ${reason}</p>`;

function table(measured: readonly Measured[]): Markup {
  const columns = measured.flatMap(({ scenario, report }) => report.arms.map((arm) => ({ scenario, arm })));
  const arms: readonly ArmSummary[] = columns.map(({ arm }) => arm);
  return html`<div class="wide" role="region" aria-label="Measured" tabindex="0">
    <table class="comparison">
      <thead>
        <tr>
          <th></th>
          ${columns.map(({ scenario }) => html`<th scope="col">${scenario}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${armLines(arms).map(
          ({ label, means, of, unit }) =>
            html`<tr>
              <th scope="row" title="${means}">${label}</th>
              ${arms.map((arm) => html`<td class="words">${intervalText(of(arm), unit)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function scenarioPart({ scenario, report, touches }: Measured): Markup {
  const kinds = [
    ['in the range of a storm', touches.covered],
    ['outside of it', touches.uncovered],
  ] as const;
  return html`<h3>${scenario}</h3>
    <p>${report.description}</p>
    <dl class="facts head">
      ${report.facts.map(
        ([name, text]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${text}</dd>
          </div>`,
      )}
    </dl>
    <div class="figures">
      ${kinds.map(
        ([where, distribution]) =>
          distribution.count > 0 &&
          histogram('Access latency', `${where}, the run in the middle`, coarse(distribution)),
      )}
    </div>
    ${
      report.notes.length > 0 &&
      html`<ul class="muted">
        ${report.notes.map((note) => html`<li>${note}</li>`)}
      </ul>`
    }`;
}

/** Four buckets for each doubling, which is what can be seen, in place of sixty-four. */
const PER_DOUBLING = 4;

function coarse(distribution: Distribution): Distribution {
  const { upToNs, counts } = distribution.histogram;
  const bucketOf = (ns: number): number => Math.max(0, Math.ceil(Math.log2(ns) * PER_DOUBLING));
  const merged = Array.from({ length: bucketOf(upToNs[upToNs.length - 1] ?? 1) + 1 }, () => 0);
  upToNs.forEach((ns, index) => (merged[bucketOf(ns)] += counts[index]));
  return {
    ...distribution,
    histogram: { upToNs: merged.map((_, bucket) => 2 ** (bucket / PER_DOUBLING)), counts: merged },
  };
}

/**
 * Statements and what simulations say of them, on the study's page: a table, and dots with their intervals.
 */
import { CLAIM_FIGURES, type ClaimFigure, type ClaimReport, type ClaimRow } from '../claims.js';
import { formatDuration } from '../format.js';
import { claimCell } from '../terminal/claims.js';
import { round } from './histogram.js';
import { html, type Markup } from './markup.js';

const HOLDS = { yes: 'holds', no: 'does not hold', partly: 'holds in part' } as const;

export function claimsSection(claims: readonly ClaimReport[]): Markup {
  return html`<section id="claims">
    <h2>The mail’s argument, simulated</h2>
    <p>
      Each statement is run on a model of KVM’s MMU in virtual time, with several seeds; ± is half of the 95 %
      interval of the mean. Costs and their sources:
      <code>faultline simulate seed-incident --explain-costs</code>.
    </p>
    ${claims.map(claimPart)}
  </section>`;
}

function claimPart({ id, title, says, holds, verdict, groups }: ClaimReport): Markup {
  return html`<section id="claim-${id}">
    <h3>${title}</h3>
    <p class="muted">${says}</p>
    <div class="wide" role="region" aria-label="${title}" tabindex="0">
      <table class="comparison">
        <thead>
          <tr>
            <th scope="col">simulated</th>
            ${CLAIM_FIGURES.map(({ head }) => html`<th scope="col">${head}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${groups.map(
            (group) =>
              html`<tr>
                  <th scope="rowgroup" colspan="${CLAIM_FIGURES.length + 1}">${group.title}</th>
                </tr>
                ${group.rows.map((row) => line(row))}`,
          )}
        </tbody>
      </table>
    </div>
    <div class="figures pairs">${groups.map((group) => dots(group.title, group.rows, CLAIM_FIGURES[0]))}</div>
    <p><strong>${`${title}: ${HOLDS[holds]}.`}</strong> ${verdict.join(' ')}</p>
  </section>`;
}

function line(row: ClaimRow): Markup {
  return html`<tr>
    <th scope="row">${row.label}</th>
    ${CLAIM_FIGURES.map((figure) => html`<td class="words">${claimCell(figure, figure.of(row))}</td>`)}
  </tr>`;
}

const WIDTH = 420;
const ROW = 26;
const LABELS = 150;

/** A dot for each variant, with its interval; the scale is logarithmic, because effects are factors. */
function dots(title: string, rows: readonly ClaimRow[], figure: ClaimFigure): Markup {
  const values = rows.map((row) => figure.of(row));
  const least = Math.max(1, Math.min(...values.map(({ mean, low }) => (low > 0 ? low : mean / 2))));
  const most = Math.max(least * 1.1, ...values.map(({ high }) => high));
  const first = 10 ** Math.floor(Math.log10(least));
  const last = 10 ** Math.ceil(Math.log10(most));
  const x = (value: number): number =>
    LABELS +
    (Math.log(Math.min(Math.max(value, first), last) / first) / Math.log(last / first)) *
      (WIDTH - LABELS - 10);
  const height = rows.length * ROW + 26;
  const decades = Array.from({ length: Math.round(Math.log10(last / first)) + 1 }, (_, i) => first * 10 ** i);
  return html`<figure>
    <figcaption>${figure.head}, ${title}</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${figure.head}, ${title}">
      ${decades.map(
        (value) =>
          html`<line
              x1="${round(x(value))}"
              x2="${round(x(value))}"
              y1="0"
              y2="${height - 22}"
              class="grid"
              stroke="#8884"
            />
            <text
              x="${round(x(value))}"
              y="${height - 6}"
              text-anchor="middle"
              font-size="11"
              fill="currentColor"
            >
              ${formatDuration(value)}
            </text>`,
      )}
      ${rows.map((row, i) => {
        const { mean, low, high } = figure.of(row);
        const y = i * ROW + ROW / 2;
        return html`<text x="0" y="${y + 4}" font-size="12" fill="currentColor">${row.label}</text>
          <line
            x1="${round(x(low))}"
            x2="${round(x(high))}"
            y1="${y}"
            y2="${y}"
            stroke="currentColor"
            stroke-width="2"
          />
          <circle cx="${round(x(mean))}" cy="${y}" r="4.5" fill="currentColor" />`;
      })}
    </svg>
  </figure>`;
}

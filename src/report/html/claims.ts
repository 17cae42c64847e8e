/**
 * Statements and what simulations say of them, on the study's page: the answers, then for each a table, and
 * dots with their intervals.
 */
import { claimCell } from '../claim-cell.js';
import {
  CLAIM_FIGURES,
  figureOf,
  isAbsent,
  type ClaimFigure,
  type ClaimReport,
  type ClaimRow,
} from '../claims.js';
import { claimDots } from './claim-dots.js';
import { html, type Markup } from './markup.js';

const NBSP = '\u00a0';
const HOLDS = { yes: '✔ holds', no: '✖ does not hold', partly: '◐ holds in part' } as const;

export function claimsSection(claims: readonly ClaimReport[]): Markup {
  const seeds = claims[0].groups[0].rows[0].stallNs.values.length;
  return html`<section id="claims">
    <h2>The mail’s argument, simulated</h2>
    <p>
      Each statement is run on a model of KVM’s MMU in virtual time, with ${seeds} seeds. Costs and their
      sources: <code>faultline simulate seed-incident --explain-costs</code>.
    </p>
    <ul class="answers">
      ${claims.map(
        ({ id, title, holds }) =>
          html`<li><b class="holds ${holds}">${HOLDS[holds]}</b> <a href="#claim-${id}">${title}</a></li>`,
      )}
    </ul>
    <p class="muted">
      ± is half of the 95 % interval of the mean (Student’s t); a range in parentheses stands behind a median,
      where seeds differ too much for a mean; ≥ was still going on when the run ended. Charts are logarithmic,
      with a small dot for each seed.
    </p>
    ${claims.map(claimPart)}
  </section>`;
}

function claimPart({ id, title, says, source, holds, verdict, groups }: ClaimReport): Markup {
  const all = groups.flatMap(({ rows }) => rows);
  const figures = CLAIM_FIGURES.filter(({ name }) => !isAbsent(name, all));
  return html`<section id="claim-${id}" class="claim">
    <h3>${title}</h3>
    <p class="muted">${says} <small>[${source}]</small></p>
    <div class="verdict ${holds}">
      <p><b class="holds ${holds}">${HOLDS[holds]}</b> ${verdict.join(' ')}</p>
    </div>
    <div class="figures claims">
      ${groups.map((group) => claimDots(group.title, group.rows, figureOf(group.figures[0])))}
      ${groups.length === 2 && claimDots(groups[0].title, groups[0].rows, figureOf('coveredP99Ns'))}
    </div>
    <div class="wide" role="region" aria-label="${title}" tabindex="0">
      <table class="claims">
        <thead>
          <tr>
            <th scope="col"></th>
            ${figures.map(({ head, means }) => html`<th scope="col" title="${means}">${head}</th>`)}
          </tr>
        </thead>
        ${groups.map(
          (group) =>
            html`<tbody>
              <tr>
                <th scope="rowgroup" colspan="${figures.length + 1}">${group.title}</th>
              </tr>
              ${group.rows.map((row) => line(row, figures))}
            </tbody>`,
        )}
      </table>
    </div>
  </section>`;
}

function line(row: ClaimRow, figures: readonly ClaimFigure[]): Markup {
  return html`<tr>
    <th scope="row">${row.label}</th>
    ${figures.map((figure) => {
      const { value, spread, unit } = claimCell(figure, row);
      return html`<td>${value}${unit.replace(' ', NBSP)}<small>${spread}</small></td>`;
    })}
  </tr>`;
}

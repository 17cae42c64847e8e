/** Tables: numbers to the right, wide ones scroll inside their own box, long ones fold. */
import { html, type Content, type Markup } from './markup.js';

export interface HtmlColumn<Row> {
  readonly head: string;
  readonly cell: (row: Row) => Content;
  /** Numbers stand to the right. */
  readonly number?: boolean;
  /** Long text, which may break into lines. */
  readonly long?: boolean;
  /** What the column means, for newcomers. */
  readonly hint?: string;
}

/** Rows shown before the fold. */
const FOLD = 12;

export function htmlTable<Row>(
  title: string,
  rows: readonly Row[],
  columns: readonly HtmlColumn<Row>[],
  note?: string,
): Markup {
  const heading = html`<h3>${title}</h3>
    ${note !== undefined && html`<p class="muted">${note}</p>`}`;
  if (rows.length === 0)
    return html`${heading}
      <p class="muted">None.</p>`;
  const rest = rows.slice(FOLD);
  return html`${heading} ${oneTable(title, rows.slice(0, FOLD), columns)}
  ${
    rest.length > 0 &&
    html`<details>
      <summary>${rest.length} more</summary>
      ${oneTable(`${title}, continued`, rest, columns)}
    </details>`
  }`;
}

function oneTable<Row>(title: string, rows: readonly Row[], columns: readonly HtmlColumn<Row>[]): Markup {
  return html`<div class="wide" role="region" aria-label="${title}" tabindex="0">
    <table>
      <thead>
        <tr>
          ${columns.map(
            ({ head, number, hint }) =>
              html`<th scope="col" ${classOf(number)}${hint !== undefined && html` title="${hint}"`}>
                ${head}
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${columns.map(({ cell, number, long }) => html`<td${classOf(number, long)}>${cell(row)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function classOf(number: boolean | undefined, long?: boolean): Markup | undefined {
  if (number === true) return html` class="n"`;
  return long === true ? html` class="long"` : undefined;
}

/** A share as a bar behind its number. */
export function bar(value: number, most: number, text: string): Markup {
  const percent = most > 0 ? Math.max(value > 0 ? 1 : 0, Math.round((100 * value) / most)) : 0;
  return html`<span class="bar" style="--share: ${percent}%">${text}</span>`;
}

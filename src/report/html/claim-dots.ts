/** One figure of a claim's variants as dots with their intervals. */
import { claimCell } from '../claim-cell.js';
import { isUseless, type ClaimFigure, type ClaimRow } from '../claims.js';
import { formatCount, formatTick } from '../format.js';
import { round } from './histogram.js';
import { html, type Markup } from './markup.js';

const WIDTH = 400;
const ROW = 36;
const AXIS = 18;
/** Half of the longest text at the ends of the axis. */
const MARGIN = 22;

/**
 * A dot for each variant with its interval, small ones for its seeds; the scale is logarithmic, because
 * effects are factors.
 */
export function claimDots(title: string, rows: readonly ClaimRow[], figure: ClaimFigure): Markup {
  const { name, head, means } = figure;
  const values = rows.flatMap((row) => row[name].values.filter((value) => value > 0));
  const ends = rows.flatMap((row) => [row[name].low, row[name].high].filter((value) => value > 0));
  const first = Math.floor(Math.log10(Math.min(...values, ...ends, 1e12)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values, ...ends, 1))));
  const x = (value: number): number => {
    const share = (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first);
    return round(MARGIN + Math.min(1, share) * (WIDTH - 2 * MARGIN));
  };
  const height = rows.length * ROW;
  const decades = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  const tick = figure.unit === 'ns' ? formatTick : formatCount;
  return html`<figure class="histogram">
    <figcaption>
      <b>${head[0].toUpperCase()}${head.slice(1)}, ${title}</b>
      <span class="muted what">${means}</span>
    </figcaption>
    <svg viewBox="0 0 ${WIDTH} ${height + AXIS}" role="img" aria-label="${head}, ${title}">
      ${decades.map(
        (value) =>
          html`<line class="grid" x1="${x(value)}" x2="${x(value)}" y1="0" y2="${height}" />
            <text class="scale" x="${x(value)}" y="${height + 14}" text-anchor="middle"
              >${tick(value)}</text
            >`,
      )}
      ${rows.map((row, index) => dot(row, figure, index * ROW, x))}
    </svg>
  </figure>`;
}

function dot(row: ClaimRow, figure: ClaimFigure, y: number, x: (value: number) => number): Markup {
  const interval = row[figure.name];
  const { low, high, mean, median, values } = interval;
  const { value, spread, unit } = claimCell(figure, row);
  const middle = y + 25;
  const [from, to] = isUseless(interval) ? [Math.min(...values), Math.max(...values)] : [low, high];
  return html`<text class="name halo" x="0" y="${y + 13}">${row.label}</text>
    <text class="name halo" x="${WIDTH}" y="${y + 13}" text-anchor="end">
      ${value}${spread && ` ${spread}`}${unit}
    </text>
    <line class="interval" x1="${x(from)}" x2="${x(to)}" y1="${middle}" y2="${middle}" />
    ${values.map((each) => html`<circle class="seed" cx="${x(each)}" cy="${middle}" r="2" />`)}
    <circle class="point" cx="${x(isUseless(interval) ? median : mean)}" cy="${middle}" r="4.5" />`;
}

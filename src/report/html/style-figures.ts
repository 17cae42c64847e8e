/** Style of histograms, the comparison and the tabs of a study. */

export const FIGURE_STYLE = `
.figures { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px),
  1fr)); }
.figures.pairs { grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); margin-top: 14px; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding:
  10px 16px; }
figcaption { margin-bottom: 4px; font-size: .92rem; }
figcaption .what { display: block; font-size: .84rem; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; }
figure .empty { padding: 2rem 0; }
svg text { fill: var(--muted); font-size: 11px; }
svg .column { fill: var(--column); }
svg .column.bad { fill: var(--c-retried); }
svg .column:hover { fill: var(--accent); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .base { stroke: var(--muted); stroke-width: 1; }
svg line.marker { stroke: var(--text); stroke-width: 1.2; stroke-dasharray: 3 2; }
svg text.marker { fill: var(--text); font-weight: 600; }
svg .name { fill: var(--text); }
svg .span { stroke: var(--c-wait); stroke-width: 9; stroke-linecap: butt; }
svg .point { fill: var(--text); }
svg .end { stroke: var(--c-wait); stroke-width: 2; }
table.comparison th[scope=row] { white-space: nowrap; font-weight: 500; color: var(--muted); }
table.comparison td { text-align: right; white-space: nowrap; }
table.comparison thead th { text-align: right; white-space: normal; min-width: 130px; color: var(--text);
  font-size: .9rem; vertical-align: bottom; }
table.comparison td.words { white-space: normal; }
table.comparison td.sentence { text-align: left; white-space: normal; vertical-align: top; font-size:
  .85rem; }
td.worst { color: var(--bad); font-weight: 650; }
td.worst::after { content: ' ▲'; font-size: .7em; vertical-align: 2px; }
.tabs { display: flex; flex-wrap: wrap; gap: 4px; margin: 2.4rem 0 0; border-bottom: 2px solid var(--line); }
.tabs button { border: 1px solid var(--line); border-bottom: 0; border-radius: 7px 7px 0 0; padding: 7px 16px;
  background: var(--background); }
.tabs button[aria-selected=true] { background: var(--panel); font-weight: 650; box-shadow: 0 2px 0
  var(--accent); }
.recording.off { display: none; }
.recording > h2:first-child { font-size: 1.4rem; }
:root.printing .recording.off { display: block; }
@media print {
  .tabs { display: none; }
  .recording.off { display: block; }
  .recording { break-before: page; }
  .figures { grid-template-columns: 1fr 1fr; }
  table.comparison thead th { min-width: 0; }
}
`;

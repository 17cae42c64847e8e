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
svg text.halo { paint-order: stroke; stroke: var(--panel); stroke-width: 4px; }
svg .interval { stroke: var(--column); stroke-width: 7; stroke-linecap: round; opacity: .55; }
svg .seed { fill: var(--panel); stroke: var(--muted); stroke-width: .8; }
.figures.claims { grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); margin: 12px 0; }
.answers { list-style: none; padding: 0; margin: .8rem 0; font-size: 1.02rem; }
.answers li { margin: .25rem 0; }
.answers .holds { display: inline-block; min-width: 9.5em; }
.holds.yes { color: var(--good); }
.holds.no { color: var(--bad); }
.holds.partly { color: var(--warning); }
.claim { margin-top: 2.2rem; }
.claim > h3 { font-size: 1.1rem; }
.claim > p { max-width: 90ch; }
.verdict.yes { border-left-color: var(--good); }
.verdict.no { border-left-color: var(--bad); }
.verdict.partly { border-left-color: var(--warning); }
.claim .verdict { font-size: 1rem; margin: .8rem 0; }
table.claims { font-size: .84rem; }
table.claims th, table.claims td { padding: 4px 8px; }
table.claims td, table.claims thead th { text-align: right; white-space: nowrap; }
table.claims thead th { white-space: normal; vertical-align: bottom; line-height: 1.25; }
table.claims th[scope=row] { font-weight: 500; white-space: nowrap; padding-left: 20px; }
table.claims th[scope=rowgroup] { background: var(--lane); }
table.claims td small { display: block; color: var(--muted); font-size: .9em; line-height: 1.2; }
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
  .figures.claims { grid-template-columns: 1fr 1fr; }
  table.claims th, table.claims td { padding: 1px 3px; overflow-wrap: normal; }
  table.comparison thead th { min-width: 0; }
}
`;

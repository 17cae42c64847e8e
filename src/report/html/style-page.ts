/** Style of the page: colours for light, dark and print; type; cards and tables. */

const LIGHT = `
  --background: #f5f6f8; --panel: #ffffff; --text: #16191d; --muted: #565f6b; --line: #d9dde3; --lane:
    #f1f3f6;
  --accent: #0a58ca; --bad: #b3261e; --critical: #b3261e; --warning: #8a5300; --notice: #0b6479; --info:
    #565f6b;
  --c-fault: #6db9e8; --c-retried: #e2662f; --c-wait: #eba92c; --c-invalidation: #d88fb8; --c-flush: #2fa883;
  --c-hold: #8b94a3; --c-other: #b9c0ca; --shade: #e8ecf2; --column: #4d97c9;
  --good: #1b6e3c;
`;
const DARK = `
  --background: #101317; --panel: #191d23; --text: #e8ebef; --muted: #a3adb9; --line: #333a44; --lane:
    #20252c;
  --accent: #79b0ff; --bad: #ff8a80; --critical: #ff8a80; --warning: #f2b84b; --notice: #6fd0e6; --info:
    #a3adb9;
  --c-fault: #5aa9da; --c-retried: #ee7a45; --c-wait: #e9ad3c; --c-invalidation: #d28ab4; --c-flush: #34a884;
  --c-hold: #97a1b0; --c-other: #6d7682; --shade: #2a313b; --column: #5aa9da;
  --good: #6fce97;
`;

export const PAGE_STYLE = `
:root { ${LIGHT} }
@media (prefers-color-scheme: dark) { :root:not(.printing) { ${DARK} } }
* { box-sizing: border-box; }
html { scroll-padding-top: 3.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--background); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif;
  font-variant-numeric: tabular-nums; }
main, header.page { max-width: 1280px; margin: 0 auto; padding: 0 20px; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 1.6rem 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .7rem; }
h3 { font-size: 1rem; margin: 1.3rem 0 .3rem; }
h4 { margin: 0 0 .4rem; }
p { margin: .3rem 0; max-width: 75ch; }
a { color: var(--accent); }
code, kbd { font: .87em ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 5px;
  background: var(--panel); }
.muted { color: var(--muted); }
.bad { color: var(--bad); }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; z-index: 20; background: var(--panel); padding: 6px 10px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
nav.top { position: sticky; top: 0; z-index: 10; display: flex; gap: 4px 18px; align-items: center;
  flex-wrap: wrap;
  padding: 8px max(20px, calc((100vw - 1240px) / 2)); background: var(--panel); border-bottom: 1px solid
    var(--line); }
nav.top a { color: var(--text); text-decoration: none; font-size: .92rem; }
nav.top a:hover { text-decoration: underline; }
nav.top .brand { font-weight: 700; letter-spacing: .01em; margin-right: 8px; }
nav.top button { margin-left: auto; }
button { font: inherit; font-size: .88rem; color: var(--text); background: var(--panel); cursor: pointer;
  border: 1px solid var(--line); border-radius: 6px; padding: 2px 10px; }
button:hover { border-color: var(--accent); color: var(--accent); }
.buttons { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
.buttons > b { font-size: .88rem; }
button.jump { text-align: left; }
dl.facts { display: flex; flex-wrap: wrap; gap: 4px 26px; margin: .4rem 0; }
dl.facts dt { color: var(--muted); font-size: .8rem; }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
dl.facts.small { gap: 2px 13px; font-size: .86rem; }
.verdict { margin: 1.2rem 0; padding: 14px 20px; background: var(--panel); border: 1px solid var(--line);
  border-left: 5px solid var(--accent); border-radius: 8px; font-size: 1.08rem; }
.verdict p { max-width: 90ch; }
.tiles { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); }
.tiles li { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 10px 16px;
  display: flex; flex-direction: column; }
.tiles b { font-size: 1.5rem; line-height: 1.3; font-weight: 650; }
.tiles small { color: var(--muted); }
.cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); }
.card { position: relative; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 18px 14px; border-left: 5px solid var(--tone); --tone: var(--info); }
.card.critical { --tone: var(--critical); }
.card.warning { --tone: var(--warning); }
.card.notice { --tone: var(--notice); }
.card h3 { margin: 0 5.5rem .3rem 0; }
.card .mark, .card .severity { color: var(--tone); }
.card .severity { position: absolute; right: 16px; top: 13px; font-size: .8rem; font-weight: 600; }
.card .advice { margin: .6rem 0; padding: 8px 12px; background: var(--lane); border-radius: 6px; font-size:
  .93rem; }
.card .advice b { font-size: .85rem; color: var(--muted); }
.card ul { margin: 0; padding-left: 1.1rem; }
.card .buttons { margin: .6rem 0 .3rem; }
summary { cursor: pointer; color: var(--muted); font-size: .9rem; margin: .3rem 0; }
.wide { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  margin: .4rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: 5px 12px; border-top: 1px solid var(--line); vertical-align: baseline; }
td { white-space: nowrap; }
td.long { white-space: normal; min-width: 150px; }
thead th { border-top: 0; color: var(--muted); font-weight: 600; font-size: .8rem; white-space: nowrap; }
th[title] { text-decoration: underline dotted; text-underline-offset: 3px; cursor: help; }
.n { text-align: right; white-space: nowrap; }
tbody tr:hover { background: var(--lane); }
.bar { display: block; margin: -2px -6px; padding: 2px 6px; border-radius: 3px;
  background: linear-gradient(to left, var(--shade) var(--share), transparent var(--share)); }
.tasks { font-size: .85rem; color: var(--muted); }
.tag { background: var(--shade); border-radius: 4px; padding: 1px 6px; font-size: .85rem; }
.under { padding-left: 18px; color: var(--muted); }
.unknown li.serious b { color: var(--bad); }
.glossary { display: grid; gap: 10px 30px; grid-template-columns: repeat(auto-fill, minmax(min(100%,
  380px), 1fr)); }
.glossary dt { font-weight: 650; }
.glossary dd { margin: 0; color: var(--muted); }
dialog { color: var(--text); background: var(--panel); border: 1px solid var(--line); border-radius: 10px;
  max-width: 560px; padding: 8px 26px 20px; }
dialog::backdrop { background: rgb(0 0 0 / 45%); }
dialog h2 { margin-top: 1rem; }
.keys > div { display: flex; gap: 14px; margin: 4px 0; }
.keys dt { min-width: 80px; }
.keys dd { margin: 0; }
@media (max-width: 900px) { nav.top { gap: 4px 12px; } nav.top a, nav.top button { font-size: .82rem; } }
@media (max-width: 700px) { main, header.page { padding: 0 12px; } }
@media print {
  @page { margin: 12mm; }
  :root { font-size: 11px; }
  nav.top, .skip, .tl-bar .buttons, .tl-range, td .jump, dialog, .screen-only { display: none !important; }
  button.jump { border: 0; padding: 0 8px 0 0; background: none; color: var(--muted); }
  body { background: #fff; font-size: 11px; }
  main, header.page { max-width: none; padding: 0; }
  h2 { break-after: avoid; margin-top: 1.4rem; }
  h3 { break-after: avoid; }
  .card, figure, .verdict, .tiles li, tr { break-inside: avoid; }
  .cards { display: block; }
  .card { margin-bottom: 8px; }
  .wide { overflow: visible; border: 0; }
  table { font-size: 8.5px; }
  th, td, thead th { padding: 2px 4px; white-space: normal !important; overflow-wrap: anywhere; }
  td.long { min-width: 0; }
  td.n { white-space: nowrap !important; }
  .bar { margin: 0; }
  summary { list-style: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

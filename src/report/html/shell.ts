/** The document around every report: style and script inside, nothing fetched, nothing else may run. */
import { pageScript } from '../assets.js';
import { html, trusted, type Content, type Markup } from './markup.js';
import { FIGURE_STYLE } from './style-figures.js';
import { PAGE_STYLE } from './style-page.js';
import { TIMELINE_STYLE } from './style-timeline.js';

export interface Shell {
  readonly title: string;
  /** Sections for the navigation: anchor and words. */
  readonly sections: readonly (readonly [anchor: string, words: string])[];
  readonly body: Content;
}

export function page({ title, sections, body }: Shell): string {
  const script = pageScript();
  const policy = `default-src 'none'; script-src 'sha256-${script.sha256}'; style-src 'unsafe-inline'`;
  // In one piece: the policy's hash is of the exact text between the tags.
  const scriptElement = trusted(`<script>${script.text}</script>`);
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="faultline" />
        <title>${title}</title>
        <style>
          ${trusted(PAGE_STYLE + TIMELINE_STYLE + FIGURE_STYLE)}
        </style>
      </head>
      <body>
        <a class="skip" href="#findings">Skip to the findings</a>
        <nav class="top" aria-label="Sections">
          <span class="brand">faultline</span>
          ${sections.map(([anchor, words]) => html`<a href="#${anchor}">${words}</a>`)}
          <button type="button" data-help="">Keys <kbd>?</kbd></button>
        </nav>
        ${body} ${keysDialog()} ${scriptElement}
      </body>
    </html>`;
  return `${document.text}\n`;
}

const KEYS: readonly (readonly [keys: readonly string[], words: string])[] = [
  [['W', 'S'], 'zoom in, out'],
  [['+', '-'], 'zoom in, out'],
  [['A', 'D'], 'earlier, later'],
  [['←', '→'], 'earlier, later (timeline in focus)'],
  [['↑', '↓'], 'other lanes (timeline in focus)'],
  [['F'], 'fit: show all'],
  [['Z'], 'zoom to the selected slice'],
  [['['], 'back along the chain: who waited for this'],
  [[']'], 'along the chain: what this waited for'],
  [['Esc'], 'select nothing'],
  [['?'], 'this list'],
];

function keysDialog(): Markup {
  return html`<dialog id="keys" aria-labelledby="keys-title">
    <h2 id="keys-title">Keys</h2>
    <dl class="keys">
      ${KEYS.map(
        ([keys, words]) =>
          html`<div>
            <dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt>
            <dd>${words}</dd>
          </div>`,
      )}
    </dl>
    <p>
      Drag moves, a click selects, a double click zooms to a slice. The wheel zooms once the timeline is
      clicked, or with <kbd>Ctrl</kbd>; with <kbd>Shift</kbd> it moves. The strip above the lanes shows the
      whole trace.
    </p>
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}

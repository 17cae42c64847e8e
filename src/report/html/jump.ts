/** Buttons that show a place in the timeline: the page's script listens to their data attributes. */
import { formatTime } from '../format.js';
import { html, type Markup } from './markup.js';

export interface JumpTarget {
  /** ns since the trace's origin. */
  readonly start: number;
  readonly end: number;
  readonly tid?: number;
}

export function jumpButton(label: string, target: JumpTarget): Markup {
  const thread = target.tid === undefined ? '' : html` data-tid="${target.tid}"`;
  return html`<button
    type="button"
    class="jump"
    data-start="${target.start}"
    data-end="${target.end}"
    ${thread}
    title="show in the timeline: ${formatTime(target.start)} to ${formatTime(target.end)}"
  >
    ${label}
  </button>`;
}

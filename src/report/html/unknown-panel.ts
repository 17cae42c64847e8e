/** What the report leaves out or could not use: counted, and never hidden. */
import type { Explanation } from '../../explain/types.js';
import { formatCount } from '../format.js';
import { notUnderstood } from '../not-understood.js';
import { html, type Markup } from './markup.js';

export function unknownPanel(explanation: Explanation): Markup {
  const items = notUnderstood(explanation);
  return html`${
      items.length === 0
        ? html`<p>Nothing: every line and field of the trace was understood, and nothing was lost.</p>`
        : html`<ul class="unknown">
            ${items.map(
              ({ text, serious }) =>
                html`<li class="${serious ? 'serious' : ''}">
                  ${serious && html`<b>Careful:</b> `}${text}
                </li>`,
            )}
          </ul>`
    }
    <details>
      <summary>Events in the trace, by name</summary>
      <table>
        <thead>
          <tr>
            <th>event</th>
            <th class="n">count</th>
          </tr>
        </thead>
        <tbody>
          ${Object.entries(explanation.byEvent).map(
            ([name, count]) =>
              html`<tr>
                <td><code>${name}</code></td>
                <td class="n">${formatCount(count)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </details>`;
}

/**
 * HTML from templates that escape: whatever is put into html`...` is text, unless it is Markup itself. Names
 * of tasks come from traces, and a task may call itself anything.
 */

const made = Symbol('made by html``');

/** A piece of well-formed HTML; only html`...` and `trusted` make one. */
export interface Markup {
  readonly [made]: true;
  readonly text: string;
}

/** `undefined` and `false` print nothing, so that `condition && html`...`` reads well. */
export type Content = Markup | string | number | undefined | false | readonly Content[];

export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let text = strings[0];
  for (let i = 0; i < values.length; i++) text += contentText(values[i]) + strings[i + 1];
  return trusted(text);
}

/** Text that is HTML already: our own style, script and drawings, never anything from a trace. */
export function trusted(text: string): Markup {
  return { [made]: true, text };
}

function contentText(content: Content): string {
  if (content === undefined || content === false) return '';
  if (typeof content === 'string') return escapeHtml(content);
  if (typeof content === 'number') return escapeHtml(String(content));
  return isMarkup(content) ? content.text : content.map(contentText).join('');
}

function isMarkup(content: Markup | readonly Content[]): content is Markup {
  return made in content;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe as text and inside a quoted attribute. Control characters, which HTML forbids, become U+FFFD. */
function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character])
    .replace(/(?![\t\n\r])\p{Cc}/gu, '\ufffd');
}

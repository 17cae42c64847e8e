/** Text for a terminal: cleaned, measured, wrapped, coloured. */

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Style = keyof typeof CODES;

/** Applies styles; one that does nothing when colour is off. */
export type Paint = (text: string, ...styles: readonly Style[]) => string;

export function painter(color: boolean): Paint {
  if (!color) return (text) => text;
  return (text, ...styles) =>
    styles.length === 0 ? text : `\u001b[${styles.map((each) => CODES[each]).join(';')}m${text}\u001b[0m`;
}

/** Text from a trace, with control characters (which could drive the terminal) made visible. */
export function clean(text: string): string {
  return text.replace(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, '�');
}

/**
 * Columns that text takes. Reports are written in narrow characters; wide ones of task names count double.
 */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character.codePointAt(0) ?? 0);
  return width;
}

function columnsOf(code: number): number {
  if (code < 0x300) return 1;
  if (code < 0x370) return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    code >= 0x1f300;
  return wide ? 2 : 1;
}

/** Cut to a width, with an ellipsis when something is missing. */
export function truncate(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    const columns = columnsOf(character.codePointAt(0) ?? 0);
    if (used + columns > width - 1) break;
    kept += character;
    used += columns;
  }
  return width < 1 ? '' : `${kept}…`;
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'left' ? text + space : space + text;
}

/** Lines of at most `width` columns, broken at spaces; a longer word is broken where it must be. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of clean(text).split(/ +/)) {
    if (word === '') continue;
    const joined = line === '' ? word : `${line} ${word}`;
    if (widthOf(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = piecesOf(word, width);
    lines.push(...pieces.slice(0, -1));
    line = pieces[pieces.length - 1];
  }
  if (line !== '') lines.push(line);
  return lines;
}

function piecesOf(word: string, width: number): string[] {
  const pieces = [''];
  for (const character of word) {
    const last = pieces[pieces.length - 1];
    if (last !== '' && widthOf(last + character) > width) pieces.push(character);
    else pieces[pieces.length - 1] = last + character;
  }
  return pieces;
}

/** Wrapped lines behind a mark: the first after `first`, the others after as many spaces. */
export function hanging(first: string, text: string, width: number): string[] {
  const indent = widthOf(first);
  const lines = wrap(text, Math.max(8, width - indent));
  return lines.map((line, index) => (index === 0 ? first : ' '.repeat(indent)) + line);
}

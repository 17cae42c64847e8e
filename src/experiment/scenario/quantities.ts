/**
 * Numbers with their unit, as people write them: `250us`, `2MiB`, `50%`, `0..64MiB`. For files and options.
 *
 * Each parser throws a BadQuantity, whose message says what to write instead.
 */

export class BadQuantity extends Error {}

/** Guest and host pages. */
export const PAGE_BYTES = 4096;

const DURATIONS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
const SIZES: Readonly<Record<string, number>> = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `250us` in ns, at least 0. */
export function parseDuration(text: string): number {
  return parse(text, DURATIONS, 'time', 'ns, us, ms, s', '250us');
}

/** `2MiB` in bytes, above 0 and whole pages. */
export function parseSize(text: string): number {
  const bytes = parse(text, SIZES, 'size', 'KiB, MiB, GiB, TiB', '2MiB');
  if (bytes === 0) throw new BadQuantity(`"${text}" is nothing: write a size above 0`);
  if (bytes % PAGE_BYTES !== 0) throw new BadQuantity(`"${text}" is not a whole number of 4KiB pages`);
  return bytes;
}

/** `50%` as 0.5. */
export function parseShare(text: string): number {
  const share = parse(text, { '%': 0.01 }, 'share', '%', '50%');
  if (share > 1) throw new BadQuantity(`"${text}" is more than 100%`);
  return share;
}

/** A part of something whose size is known only later: bytes, or a share of it. */
export type Part = { readonly bytes: number } | { readonly share: number };
export interface PartRange {
  readonly from: Part;
  readonly to: Part;
}

/** `4MiB` or `10%`. */
export function parsePart(text: string): Part {
  return text.endsWith('%') ? { share: parseShare(text) } : { bytes: parseSize(text) };
}

/** `0..64MiB`, `25%..50%`, or `all`. */
export function parseRange(text: string): PartRange {
  if (text === 'all') return { from: { bytes: 0 }, to: { share: 1 } };
  const ends = text.split('..');
  if (ends.length !== 2 || ends.includes('')) {
    throw new BadQuantity(`"${text}" is no range: write FROM..TO, such as 0..64MiB or 25%..50%, or all`);
  }
  const [from, to] = ends.map((end) => (end === '0' ? { bytes: 0 } : parsePart(end)));
  return { from, to };
}

/** Pages of `part` of `pages` pages; a share is rounded to whole pages. */
export function pagesOf(part: Part, pages: number): number {
  return 'bytes' in part ? part.bytes / PAGE_BYTES : Math.round(part.share * pages);
}

function parse(
  text: string,
  units: Readonly<Record<string, number>>,
  what: string,
  unitList: string,
  example: string,
): number {
  const match = /^(-?)(\d+(?:\.\d+)?)([^\d.]*)$/.exec(text);
  const scale = match && Object.hasOwn(units, match[3]) ? units[match[3]] : undefined;
  if (!match || scale === undefined) {
    throw new BadQuantity(
      `"${text}" is no ${what}: write a number and its unit (${unitList}), such as ${example}`,
    );
  }
  if (match[1] !== '') throw new BadQuantity(`"${text}" is negative`);
  const value = Number(match[2]) * scale;
  // 1.1us is 1100 ns, not 1100.0000000000002; large numbers have no digits to spare.
  return value < 1e6 ? Number(value.toPrecision(15)) : value;
}

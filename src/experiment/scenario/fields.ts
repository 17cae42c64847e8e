/**
 * Fields that carry a unit, for zod schemas: text in the file, a plain number in the program.
 */
import { z } from 'zod';
import { didYouMean } from '../../model/nearest.js';
import { BadQuantity, parseDuration, parsePart, parseRange, parseShare, parseSize } from './quantities.js';

/** `250us` to ns; 0 is allowed. */
export const duration = (): z.ZodType<number> =>
  quantity(parseDuration, 'a time: number and ns, us, ms or s');

/** `250us` to ns, above 0. */
export const positiveDuration = (): z.ZodType<number> =>
  quantity((text) => {
    const ns = parseDuration(text);
    if (ns === 0) throw new BadQuantity(`"${text}" must be above 0`);
    return ns;
  }, 'a time above 0: number and ns, us, ms or s');

/** `2MiB` to bytes. */
export const size = (): z.ZodType<number> => quantity(parseSize, 'a size: number and KiB, MiB, GiB or TiB');

/** `50%` to 0.5. */
export const share = (): z.ZodType<number> => quantity(parseShare, 'a share: number and %');

/** `4MiB` or `10%`. */
export const part = (): z.ZodType<ReturnType<typeof parsePart>> => quantity(parsePart, 'a size, or a share');

/** `0..64MiB`, `25%..50%` or `all`. */
export const range = (): z.ZodType<ReturnType<typeof parseRange>> =>
  quantity(parseRange, 'FROM..TO: sizes or shares of the memory of the guest; or all');

/** A whole number from `least` to `most`. */
export const whole = (least: number, most: number): z.ZodType<number> => {
  const error = (what: unknown): string =>
    `${String(what)} is out of bounds: write a whole number from ${least} to ${most}`;
  return z
    .int({ error: ({ input }) => (input === undefined ? undefined : error(input)) })
    .min(least, { error: ({ input }) => error(input) })
    .max(most, { error: ({ input }) => error(input) });
};

/** Text that `parse` understands, and what it makes of it. */
export function quantity<T>(parse: (text: string) => T, description: string): z.ZodType<T> {
  return z
    .string({
      error: ({ input }) =>
        typeof input === 'number' ? `${input} has no unit: ${example(parse, input)}` : undefined,
    })
    .transform((text, context) => {
      try {
        return parse(text.trim());
      } catch (error) {
        if (!(error instanceof BadQuantity)) throw error;
        context.addIssue(error.message);
        return z.NEVER;
      }
    })
    .describe(description);
}

/** What the parser says about a number alone. */
function example(parse: (text: string) => unknown, input: number): string {
  try {
    parse(String(input));
  } catch (error) {
    if (error instanceof BadQuantity) return error.message.replace(/^.*?: /, '');
  }
  return 'write a number and its unit';
}

/** What to say about a name that is none of `known`. */
export function unknownName(
  issue: { code: string; keys?: readonly string[] },
  what: string,
  option: string,
  known: readonly string[],
): string | undefined {
  if (issue.code !== 'unrecognized_keys' || issue.keys === undefined) return undefined;
  const hint = didYouMean(issue.keys[0], known);
  return `there is no such ${what}${hint} (faultline simulate ${option} shows all)`;
}

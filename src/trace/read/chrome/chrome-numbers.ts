/**
 * Numbers of a Chrome trace, from their text: times in microseconds become exact ns, integers keep 64 bits.
 */
import type { TraceBuilder } from '../../store/builder.js';
import type { JsonValue, SmallNumber } from './json-cursor.js';

/** From here on a stamp is no exact number; the trace then gets an origin. */
const MOST_EXACT = BigInt(Number.MAX_SAFE_INTEGER);
const POWERS = [1, 10, 100, 1000] as const;
/** Longest integer part, in digits: 64 bits of ns. */
const MOST_DIGITS = 17;

/** What a member says when it is missing. */
export const NO_VALUE: JsonValue = { kind: 'word', text: '' };

/** An integer of at most 64 bits, signed or not; undefined for anything else. */
export function integer(value: JsonValue): bigint | number | undefined {
  if (value.small) return value.small.decimals === 0 ? value.small.digits : undefined;
  return bigInteger(value.text);
}

function bigInteger(text: string): bigint | undefined {
  if (!/^-?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value >= -(2n ** 63n) && value < 2n ** 64n ? value : undefined;
}

export class ChromeTimes {
  readonly #builder: TraceBuilder;
  #first = true;

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /** ns since the origin of the trace, which the first time decides; undefined when `value` is no time. */
  time(value: JsonValue): number | undefined {
    const ns = nanoseconds(value);
    if (ns === undefined) return undefined;
    if (this.#first) {
      this.#first = false;
      if (typeof ns === 'bigint') this.#builder.origin = ns;
    }
    if (this.#builder.origin === 0n) return typeof ns === 'number' ? ns : undefined;
    const time = Number(BigInt(ns) - this.#builder.origin);
    return Number.isSafeInteger(time) ? time : undefined;
  }

  /** ns of a duration; undefined when `value` is none. */
  duration(value: JsonValue): number | undefined {
    const ns = nanoseconds(value);
    return typeof ns === 'number' ? ns : undefined;
  }
}

/** ns of microseconds with a fraction: a number where that is exact, else a bigint. */
function nanoseconds(value: JsonValue): number | bigint | undefined {
  const { small, text } = value;
  if (small && small.decimals <= 3) {
    const ns = small.digits * POWERS[3 - small.decimals];
    if (Number.isSafeInteger(ns)) return ns;
  }
  return nanosecondsOf(small ? decimalText(small) : text);
}

export function decimalText({ digits, decimals }: SmallNumber): string {
  const text = String(Math.abs(digits)).padStart(decimals + 1, '0');
  const sign = digits < 0 ? '-' : '';
  if (decimals === 0) return sign + text;
  return `${sign}${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

function nanosecondsOf(text: string): number | bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) {
    // An exponent: whoever writes one does not mean exact ns.
    const value = text === '' ? Number.NaN : Math.round(Number(text) * 1000);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const [, sign, whole, fraction = ''] = match;
  if (whole.length > MOST_DIGITS) return undefined;
  const digits = BigInt(whole + fraction.slice(0, 3).padEnd(3, '0'));
  const rounded = fraction.length > 3 && fraction[3] >= '5' ? digits + 1n : digits;
  const ns = sign === '-' ? -rounded : rounded;
  return ns <= MOST_EXACT && ns >= -MOST_EXACT ? Number(ns) : ns;
}

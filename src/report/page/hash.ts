/**
 * The place in the report, kept in the address: `#r=0&t=START-END&s=SLICE`, so that a link shows what was
 * seen.
 */

export interface Place {
  /** Which recording. */
  readonly recording: number;
  /** ns; undefined: all of it. */
  readonly time?: readonly [start: number, end: number];
  readonly slice?: number;
}

/** @returns undefined when the hash is no place: nothing, or the name of a section */
export function parsePlace(hash: string): Place | undefined {
  const values = new Map(
    hash
      .replace(/^#/, '')
      .split('&')
      .map((part): [string, string] => {
        const equals = part.indexOf('=');
        return [part.slice(0, Math.max(0, equals)), part.slice(equals + 1)];
      }),
  );
  const recording = wholeNumber(values.get('r'));
  if (recording === undefined) return undefined;
  const [start, end] = (values.get('t') ?? '').split('-').map(wholeNumber);
  const slice = wholeNumber(values.get('s'));
  return {
    recording,
    ...(start !== undefined && end !== undefined && end > start ? { time: [start, end] } : {}),
    ...(slice === undefined ? {} : { slice }),
  };
}

export function formatPlace({ recording, time, slice }: Place): string {
  const range = time === undefined ? '' : `&t=${Math.floor(time[0])}-${Math.ceil(time[1])}`;
  return `#r=${recording}${range}${slice === undefined ? '' : `&s=${slice}`}`;
}

function wholeNumber(text: string | undefined): number | undefined {
  const value = text !== undefined && /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

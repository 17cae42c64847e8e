/**
 * Numbers as people read them: every duration with its unit, every count with thousands separators. Used by
 * the terminal, the HTML page and the script inside the page, so it knows nothing but numbers.
 */

/** Divisor in ns, unit, and the largest value shown in it. */
const UNITS: readonly (readonly [ns: number, unit: string])[] = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
];

/** Three significant digits and a unit: `850 ns`, `12.3 µs`, `1.00 s`, `2 min 5 s`. */
export function formatDuration(ns: number): string {
  if (!Number.isFinite(ns)) return 'unknown';
  if (ns < 0) return `-${formatDuration(-ns)}`;
  if (ns >= 120e9) return formatMinutes(Math.round(ns / 1e9));
  for (const [divisor, unit] of UNITS) {
    // 999.6 us rounds to 1000: such a value belongs to the next unit.
    if (ns >= divisor * 0.9995) return `${threeDigits(ns / divisor)} ${unit}`;
  }
  return `${Number.isInteger(ns) ? ns : threeDigits(ns)} ns`;
}

function formatMinutes(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return seconds % 60 === 0 ? `${formatCount(minutes)} min` : `${formatCount(minutes)} min ${seconds % 60} s`;
}

/** `12.3`, `1.02`, `640`. */
function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/** A round duration, as on an axis: `1 ms`, `200 µs`. */
export function formatTick(ns: number): string {
  return formatDuration(ns).replace(/\.0+(?= )|(\.\d*[1-9])0+(?= )/, '$1');
}

/** `25,556`; a fraction keeps at most two digits. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return 'unknown';
  const text = Number.isInteger(value) ? String(Math.abs(value)) : trimZeros(Math.abs(value).toFixed(2));
  const [whole, fraction] = text.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return `${value < 0 ? '-' : ''}${grouped}${fraction === undefined ? '' : `.${fraction}`}`;
}

function trimZeros(text: string): string {
  return text.replace(/\.?0+$/, '');
}

/** `25,556 ranges`, `1 range`. @param many the plural, when it is not the singular with an s */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Share as a percentage: `12 %`, `0.4 %`, `<0.1 %`; `-` when there is no whole. */
export function formatPercent(part: number, whole: number): string {
  if (whole === 0) return '-';
  const percent = (100 * part) / whole;
  if (percent === 0) return '0 %';
  if (percent < 0.1) return '<0.1 %';
  // Never round up to the whole: 99.96 % retried is not all.
  if (percent > 99.9 && percent < 100) return '>99.9 %';
  return `${percent < 10 ? trimZeros(percent.toFixed(1)) : Math.round(percent)} %`;
}

/** A page or frame number: `0x3a41`. */
export function formatHex(value: number): string {
  return `0x${value.toString(16)}`;
}

/**
 * Place in a trace: seconds since its origin, to the microsecond, as tracing tools print it: `12.345678 s`.
 */
export function formatTime(ns: number): string {
  return `${(ns / 1e9).toFixed(6)} s`;
}

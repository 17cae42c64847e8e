/** The range of time on show: zoom and pan, kept inside the trace. Numbers only, no document. */

/** Narrowest window, ns: below it there is nothing to see. */
const NARROWEST = 100;

export class TimeWindow {
  start: number;
  end: number;

  constructor(readonly whole: { readonly start: number; readonly end: number }) {
    this.start = whole.start;
    this.end = whole.end;
  }

  get width(): number {
    return this.end - this.start;
  }

  /** Shows a range, moved and cut so that it lies inside the trace. */
  show(start: number, end: number): void {
    const all = this.whole.end - this.whole.start;
    const width = Math.min(all, Math.max(Math.min(NARROWEST, all), end - start));
    const middle = (start + end) / 2;
    const from = Math.min(Math.max(middle - width / 2, this.whole.start), this.whole.end - width);
    this.start = from;
    this.end = from + width;
  }

  /** Shows a range with air at both sides: an eighth of it, and at least a microsecond. */
  showAround(start: number, end: number): void {
    const air = Math.max((end - start) / 8, 1000);
    this.show(start - air, end + air);
  }

  /** @param factor below 1 zooms in @param at time that stays where it is; the middle when left out */
  zoom(factor: number, at = (this.start + this.end) / 2): void {
    const width = Math.max(NARROWEST, this.width * factor);
    const share = (at - this.start) / this.width;
    const start = at - share * width;
    this.show(start, start + width);
  }

  /** @param share of the window; positive shows what comes later */
  pan(share: number): void {
    const by = share * this.width;
    this.show(this.start + by, this.end + by);
  }

  fit(): void {
    this.show(this.whole.start, this.whole.end);
  }
}

/** Round times for an axis: 1, 2 or 5 times a power of ten apart, at most `most` of them. */
export function axisSteps(start: number, end: number, most: number): { times: number[]; step: number } {
  const least = (end - start) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least) ?? 10 * power;
  const times: number[] = [];
  for (let i = Math.ceil(start / step); i * step <= end; i++) times.push(i * step);
  return { times, step };
}

/** An axis label with as many digits as the step needs: `12.345 s`, `120 µs`. */
export function axisLabel(time: number, step: number, whole: number): string {
  const [divisor, unit] = whole >= 1e9 ? [1e9, 's'] : whole >= 1e6 ? [1e6, 'ms'] : [1e3, 'µs'];
  const decimals = Math.max(0, Math.ceil(Math.log10(divisor / step) - 1e-9));
  return `${(time / divisor).toFixed(decimals)} ${unit}`;
}

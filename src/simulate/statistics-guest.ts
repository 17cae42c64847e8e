/** What guests got done: touches, stalls, fairness. */
import type { FairnessResult, GuestResult, StallResult, VcpuResult } from './result.js';

export class GuestStatistics {
  readonly #touches: Float64Array;
  /** When the vCPU last completed an access; Infinity once it has come to its end. */
  readonly #lastTouch: Float64Array;
  readonly #longest: Float64Array;
  readonly #longestFrom: Float64Array;
  #covered = 0;

  constructor(private readonly vcpus: number) {
    this.#touches = new Float64Array(vcpus);
    this.#lastTouch = new Float64Array(vcpus);
    this.#longest = new Float64Array(vcpus);
    this.#longestFrom = new Float64Array(vcpus);
  }

  /** @param counted whether the phase counts */
  touched(since: number, now: number, vcpu: number, count: number, covered: number, counted: boolean): void {
    if (counted) {
      this.#touches[vcpu] += count;
      this.#covered += covered;
      const stall = since - this.#lastTouch[vcpu];
      if (stall > this.#longest[vcpu]) this.#stalled(vcpu, stall);
    }
    this.#lastTouch[vcpu] = now;
  }

  #stalled(vcpu: number, stall: number): void {
    this.#longest[vcpu] = stall;
    this.#longestFrom[vcpu] = this.#lastTouch[vcpu];
  }

  /** A counted phase begins: what a vCPU missed before is not held against it. */
  countFrom(now: number): void {
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      if (this.#lastTouch[vcpu] < now) this.#lastTouch[vcpu] = now;
    }
  }

  /** A counted phase, or the run, is over: stalls that go on count as far as they got. */
  countUntil(now: number): void {
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      const stall = now - this.#lastTouch[vcpu];
      if (stall > this.#longest[vcpu]) this.#stalled(vcpu, stall);
    }
  }

  ended(now: number, vcpu: number, counted: boolean): void {
    const stall = now - this.#lastTouch[vcpu];
    if (counted && stall > this.#longest[vcpu]) this.#stalled(vcpu, stall);
    this.#lastTouch[vcpu] = Infinity;
  }

  result(
    countedNs: number,
    endNs: number,
    faultsOf: (vcpu: number) => Pick<VcpuResult, 'attempts' | 'retries'>,
  ): GuestResult {
    const touches = this.#touches.reduce((sum, count) => sum + count, 0);
    return {
      countedNs: Math.round(countedNs),
      touches,
      coveredTouches: this.#covered,
      touchesPerSecond: countedNs > 0 ? Math.round((touches / countedNs) * 1e9) : 0,
      ...this.#longestStall(endNs),
      fairness: fairnessOf(this.#touches),
      vcpus: Array.from(this.#touches, (count, vcpu) => ({
        vcpu,
        touches: count,
        ...faultsOf(vcpu),
        longestStallNs: Math.round(this.#longest[vcpu]),
      })),
    };
  }

  #longestStall(endNs: number): { longestStall?: StallResult } {
    let worst = -1;
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      if (worst < 0 || this.#longest[vcpu] > this.#longest[worst]) worst = vcpu;
    }
    if (worst < 0) return {};
    const startNs = this.#longestFrom[worst];
    const durationNs = this.#longest[worst];
    const unfinished = durationNs > 0 && startNs === this.#lastTouch[worst] && startNs + durationNs >= endNs;
    return {
      longestStall: {
        vcpu: worst,
        startNs: Math.round(startNs),
        durationNs: Math.round(durationNs),
        unfinished,
      },
    };
  }
}

/** @internal for tests */
export function fairnessOf(shares: ArrayLike<number>): FairnessResult {
  const count = shares.length;
  let sum = 0;
  let squares = 0;
  let least = Infinity;
  let most = 0;
  for (let index = 0; index < count; index++) {
    const share = shares[index];
    sum += share;
    squares += share * share;
    least = Math.min(least, share);
    most = Math.max(most, share);
  }
  if (sum === 0) return { jain: 1, minShare: 1, maxShare: 1 };
  const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
  return {
    jain: rounded((sum * sum) / (count * squares)),
    minShare: rounded((least * count) / sum),
    maxShare: rounded((most * count) / sum),
  };
}

/** Fault attempts, why they came back, and how long a guest waited for a page: episodes. */
import { RetPf } from '../model/page-fault-struct.js';
import { Detection } from '../model/tracepoints.js';
import { Histogram } from './histogram.js';
import type { EpisodeResult, FaultResult, VcpuResult } from './result.js';

const NO_PAGE = -1;
/** Outcomes by RetPf; negative results (errno) count behind. */
const OUTCOMES = RetPf.Spurious + 2;
const ERROR = OUTCOMES - 1;
const REASONS = Detection.Other + 1;

/** Episodes on covered, or on uncovered, pages. */
class EpisodeStatistics {
  readonly latency = new Histogram();
  mostAttempts = 0;
  withRetry = 0;

  /** @param open how long the episodes that go on have lasted, and in how many attempts */
  result(open: readonly { ns: number; tries: number }[]): EpisodeResult {
    return {
      latency: this.latency.distribution(),
      mostAttempts: open.reduce((most, { tries }) => Math.max(most, tries), this.mostAttempts),
      withRetry: this.withRetry,
      unfinished: open.length,
      oldestUnfinishedNs: Math.round(open.reduce((most, { ns }) => Math.max(most, ns), 0)),
    };
  }
}

export class FaultStatistics {
  readonly #outcomes = new Float64Array(OUTCOMES);
  readonly #reasons = new Float64Array(REASONS);
  /** By 1: covered, 0: not. */
  readonly #episodes = [new EpisodeStatistics(), new EpisodeStatistics()] as const;
  #attempts = 0;

  // By number of the vCPU.
  readonly #vcpuAttempts: Float64Array;
  readonly #vcpuRetries: Float64Array;
  readonly #inFault: Uint8Array;
  readonly #exitAt: Float64Array;
  /** The page that the vCPU waits for, since when, and in how many attempts. */
  readonly #page: Int32Array;
  readonly #since: Float64Array;
  readonly #tries: Uint32Array;
  readonly #isCovered: Uint8Array;

  /** @param covered 1 for each guest frame in the range of a storm */
  constructor(
    vcpus: number,
    private readonly covered: Uint8Array,
  ) {
    this.#vcpuAttempts = new Float64Array(vcpus);
    this.#vcpuRetries = new Float64Array(vcpus);
    this.#inFault = new Uint8Array(vcpus);
    this.#exitAt = new Float64Array(vcpus).fill(-1);
    this.#page = new Int32Array(vcpus).fill(NO_PAGE);
    this.#since = new Float64Array(vcpus);
    this.#tries = new Uint32Array(vcpus);
    this.#isCovered = new Uint8Array(vcpus);
  }

  /** Whether the vCPU handles a fault right now. */
  isInFault(vcpu: number): boolean {
    return this.#inFault[vcpu] !== 0;
  }

  exited(now: number, vcpu: number): void {
    this.#exitAt[vcpu] = now;
  }

  began(now: number, vcpu: number, gfn: number, counted: boolean): void {
    this.#inFault[vcpu] = 1;
    if (counted) {
      this.#attempts++;
      this.#vcpuAttempts[vcpu]++;
    }
    if (this.#page[vcpu] === gfn) {
      this.#tries[vcpu]++;
      return;
    }
    const start = this.#exitAt[vcpu] < 0 ? now : this.#exitAt[vcpu];
    // An access may need several pages, such as those of the guest's page tables: the one before is there.
    this.succeeded(start, vcpu, counted);
    this.#page[vcpu] = gfn;
    this.#since[vcpu] = start;
    this.#tries[vcpu] = 1;
    this.#isCovered[vcpu] = this.covered[gfn] === 1 ? 1 : 0;
  }

  ended(vcpu: number, result: number, counted: boolean): void {
    this.#inFault[vcpu] = 0;
    if (!counted) return;
    this.#outcomes[result < 0 || result > RetPf.Spurious ? ERROR : result]++;
    if (result === RetPf.Retry) this.#vcpuRetries[vcpu]++;
  }

  retried(reason: number, counted: boolean): void {
    if (counted) this.#reasons[reason > 0 && reason < REASONS ? reason : Detection.Other]++;
  }

  /** The guest's access to the page that it faulted on has succeeded. */
  succeeded(now: number, vcpu: number, counted: boolean): void {
    if (this.#page[vcpu] === NO_PAGE) return;
    this.#page[vcpu] = NO_PAGE;
    if (!counted) return;
    const episodes = this.#episodes[this.#isCovered[vcpu] === 1 ? 1 : 0];
    const tries = this.#tries[vcpu];
    episodes.latency.record(now - this.#since[vcpu]);
    if (tries > 1) episodes.withRetry++;
    if (tries > episodes.mostAttempts) episodes.mostAttempts = tries;
  }

  ofVcpu(vcpu: number): Pick<VcpuResult, 'attempts' | 'retries'> {
    return { attempts: this.#vcpuAttempts[vcpu], retries: this.#vcpuRetries[vcpu] };
  }

  result(endNs: number): FaultResult {
    const outcomes = this.#outcomes;
    const reasons = this.#reasons;
    return {
      attempts: this.#attempts,
      outcomes: {
        fixed: outcomes[RetPf.Fixed],
        spurious: outcomes[RetPf.Spurious],
        retry: outcomes[RetPf.Retry],
        emulate: outcomes[RetPf.Emulate],
        writeProtected: outcomes[RetPf.WriteProtected],
        // Continue is no answer of an attempt; a wrong policy may let it through.
        invalid: outcomes[RetPf.Invalid] + outcomes[RetPf.Continue],
        error: outcomes[ERROR],
      },
      retries: {
        total: reasons.reduce((sum, count) => sum + count, 0),
        preCheck1: reasons[Detection.PreCheck1],
        preCheck2: reasons[Detection.PreCheck2],
        recheck: reasons[Detection.Stale],
        frozen: reasons[Detection.Frozen],
        lostRace: reasons[Detection.LostRace],
        other: reasons[Detection.Other],
      },
      covered: this.#episodes[1].result(this.#open(1, endNs)),
      uncovered: this.#episodes[0].result(this.#open(0, endNs)),
    };
  }

  /** Episodes that no access has ended yet. */
  #open(covered: 0 | 1, endNs: number): { ns: number; tries: number }[] {
    const open: { ns: number; tries: number }[] = [];
    for (let vcpu = 0; vcpu < this.#page.length; vcpu++) {
      if (this.#page[vcpu] === NO_PAGE || this.#isCovered[vcpu] !== covered) continue;
      open.push({ ns: endNs - this.#since[vcpu], tries: this.#tries[vcpu] });
    }
    return open;
  }
}

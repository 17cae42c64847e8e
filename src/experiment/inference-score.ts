/**
 * How well `explain` does: what it infers from the kernel's events of a simulated run, beside what the
 * model knows.
 *
 * What counts as correct:
 *
 * - *retries*: an attempt that `explain` calls retried and that the model sent back (`fault_retry` between
 *   its fault and the vCPU's next entry, and no mapping after it). Attempts that the end of the trace cuts
 *   off are left out.
 * - *why: ...*: such an attempt with the same cause. The model's cause is in terms of explain's: an
 *   invalidation that covers the page was under way during the attempt; or only the hull of those under way
 *   covers it; or neither, and an invalidation elsewhere made the sequence move; or another task changed
 *   the entry.
 * - *yields*: by number in each invalidation, the smaller of both. Yields outside of invalidations are left
 *   out.
 * - *ends*: `explain` gives two events of the thread that the end lies between; it does.
 * - *holds*: the longest time for which `explain` says that an invalidation held mmu_lock without a break
 *   lies within one hold. There is something to find where at least two leaves were zapped, at different
 *   times, in one hold.
 */
import { analyse, type Analysis } from '../explain/analysis.js';
import { CAUSES } from '../explain/causes.js';
import { lastEventOf, Outcome } from '../explain/episodes.js';
import { NONE } from '../explain/tables.js';
import type { RetryCause } from '../explain/types.js';
import { Detection } from '../model/tracepoints.js';
import type { ScoreRow } from '../report/terminal/inference-score.js';
import { kernelViewOf } from '../simulate/kernel-view.js';
import type { Trace } from '../trace/store/trace.js';
import {
  truthOf,
  type Hold,
  type HullState,
  type ModelledVm,
  type Retry,
  type Truth,
  type Window,
} from './inference-truth.js';

/** Causes that a row is made of, and what it is called. */
const CAUSE_ROWS: readonly (readonly [RetryCause, string])[] = [
  ['invalidation-in-flight', 'why: page being invalidated'],
  ['invalidation-hull', 'why: between two ranges'],
  ['sequence-bump', 'why: an invalidation elsewhere'],
  ['lost-race', 'why: lost a race'],
];

/**
 * @param trace of a simulated run, with the model's own events
 * @param vm the virtual machine that it is of: a `Kvm` of the model
 */
export function scoreInference(trace: Trace, vm: ModelledVm): ScoreRow[] {
  const view = kernelViewOf(trace);
  const context: Context = {
    trace,
    analysis: analyse(view.trace),
    original: view.original,
    truth: truthOf(trace, vm),
  };
  const attempts = judgeAttempts(context);
  return [...retryRows(attempts), yieldRow(context), endRow(context), holdRow(context)];
}

interface Context {
  readonly trace: Trace;
  readonly analysis: Analysis;
  /** Place in the whole trace of each event of the analysis. */
  readonly original: Uint32Array;
  readonly truth: Truth;
}

function scoreRow(what: string, truth: number, inferred: number, correct: number, detail?: string): ScoreRow {
  return {
    what,
    truth,
    inferred,
    correct,
    ...(inferred > 0 && { precision: correct / inferred }),
    ...(truth > 0 && { recall: correct / truth }),
    ...(detail !== undefined && { detail }),
  };
}

/** Of one attempt: undefined where it did not come back. */
interface Judged {
  readonly actual: RetryCause | undefined;
  readonly inferred: RetryCause | undefined;
}

function judgeAttempts(context: Context): Judged[] {
  const { analysis } = context;
  const { attempts, outcome, causes } = analysis;
  const retryOf = retriesByAttempt(context);
  const cause = new CauseReplay(context.truth);
  const judged: Judged[] = [];
  for (let row = 0; row < attempts.count; row++) {
    if (outcome[row] === Outcome.unfinished) continue;
    const retry = retryOf.get(row);
    const start = context.original[attempts.startEvent[row]];
    judged.push({
      actual: retry && cause.of(retry, start),
      inferred: outcome[row] === Outcome.retried ? CAUSES[causes.cause[row]] : undefined,
    });
  }
  return judged;
}

/** The last retry of each attempt that ended with it. */
function retriesByAttempt({ analysis, original, truth }: Context): Map<number, Retry> {
  const { attempts, threads } = analysis;
  const rows = new Map<number, number[]>();
  for (let row = 0; row < attempts.count; row++) {
    const list = rows.get(attempts.thread[row]);
    if (list) list.push(row);
    else rows.set(attempts.thread[row], [row]);
  }
  const cursor = new Map<number, number>();
  const found = new Map<number, Retry>();
  for (const retry of truth.retries) {
    const thread = threads.ofTask[retry.task];
    const list = rows.get(thread) ?? [];
    let at = cursor.get(thread) ?? 0;
    while (at + 1 < list.length && original[attempts.startEvent[list[at + 1]]] < retry.event) at++;
    cursor.set(thread, at);
    const row = list[at];
    if (row === undefined || original[attempts.startEvent[row]] > retry.event) continue;
    if (original[lastEventOf(attempts, row)] > retry.event || attempts.endEvent[row] === NONE)
      found.set(row, retry);
  }
  for (const [row, retry] of found) {
    const set = attempts.setEvent[row];
    if (set !== NONE && original[set] > retry.event) found.delete(row);
  }
  return found;
}

/** Replays what the retry check saw, for retries in order of their attempts' start. */
class CauseReplay {
  readonly #active: Window[] = [];
  #next = 0;
  #hull = 0;

  constructor(private readonly truth: Truth) {}

  of(retry: Retry, start: number): RetryCause {
    if (retry.reason === Detection.Frozen || retry.reason === Detection.LostRace) return 'lost-race';
    const windows = this.#windowsIn(start, retry.event);
    if (windows.some(({ gfn }) => isIn(retry.gfn, gfn))) return 'invalidation-in-flight';
    if (this.#hullsIn(start, retry.event).some(({ gfn }) => isIn(retry.gfn, gfn))) return 'invalidation-hull';
    return windows.length > 0 ? 'sequence-bump' : 'unknown';
  }

  /** Invalidations under way at some moment from `start` to `end`. */
  #windowsIn(start: number, end: number): Window[] {
    const { windows } = this.truth;
    for (; this.#next < windows.length && windows[this.#next].begin < start; this.#next++) {
      this.#active.push(windows[this.#next]);
    }
    let kept = 0;
    for (const window of this.#active) if (window.end > start) this.#active[kept++] = window;
    this.#active.length = kept;
    const found = [...this.#active];
    for (let at = this.#next; at < windows.length && windows[at].begin < end; at++) found.push(windows[at]);
    return found;
  }

  #hullsIn(start: number, end: number): HullState[] {
    const { hulls } = this.truth;
    while (this.#hull + 1 < hulls.length && hulls[this.#hull + 1].event < start) this.#hull++;
    const found: HullState[] = [];
    for (let at = this.#hull; at < hulls.length && hulls[at].event < end; at++) found.push(hulls[at]);
    return found;
  }
}

function isIn(gfn: number, [first, end]: readonly [number, number]): boolean {
  return first <= gfn && gfn < end;
}

function retryRows(attempts: readonly Judged[]): ScoreRow[] {
  const count = (test: (judged: Judged) => boolean): number => attempts.filter(test).length;
  const row = (what: string, is: (cause: RetryCause | undefined) => boolean): ScoreRow =>
    scoreRow(
      what,
      count(({ actual }) => is(actual)),
      count(({ inferred }) => is(inferred)),
      count(({ actual, inferred }) => is(actual) && is(inferred)),
    );
  return [
    row('retries', (cause) => cause !== undefined),
    ...CAUSE_ROWS.map(([cause, what]) => row(what, (other) => other === cause)),
  ];
}

function yieldRow({ analysis, truth }: Context): ScoreRow {
  let [actual, inferred, correct] = [0, 0, 0];
  for (let row = 0; row < analysis.invalidations.count; row++) {
    const found = analysis.yields.count[row];
    const known = truth.yields.get(row) ?? 0;
    actual += known;
    inferred += found;
    correct += Math.min(known, found);
  }
  return scoreRow('yields', actual, inferred, correct);
}

function endRow({ analysis, original, truth, trace }: Context): ScoreRow {
  const { invalidations } = analysis;
  let [inferred, correct] = [0, 0];
  const early: number[] = [];
  for (const [row, end] of truth.ends) {
    if (invalidations.endEvent[row] === NONE) continue;
    inferred++;
    const [last, next] = [original[invalidations.lastEvent[row]], original[invalidations.endEvent[row]]];
    if (last > end || end > next) continue;
    correct++;
    early.push(trace.timeOf(next) - trace.timeOf(last));
  }
  return scoreRow('ends', truth.ends.size, inferred, correct, widthText(early));
}

/** How far apart the two events are that an end lies between. */
function widthText(widths: number[]): string | undefined {
  if (widths.length === 0) return undefined;
  const middle = widths.sort((a, b) => a - b)[Math.floor((widths.length - 1) / 2)];
  return `the end lies within ${Math.round(middle).toLocaleString('en-US')} ns in half of them`;
}

function holdRow({ analysis, truth }: Context): ScoreRow {
  const { heldNs, heldFrom } = analysis.yields;
  let [actual, inferred, correct] = [0, 0, 0];
  let [seenNs, heldForNs] = [0, 0];
  for (let row = 0; row < heldNs.length; row++) {
    const holds = truth.holds.get(row) ?? [];
    if (holds.some(({ zaps: [first, last] }) => first < last)) actual++;
    if (!(heldNs[row] > 0)) continue;
    inferred++;
    const [from, to] = [heldFrom[row], heldFrom[row] + heldNs[row]];
    const around = holds.find(({ start, end }) => start <= from && to <= end);
    if (!around) continue;
    correct++;
    seenNs += heldNs[row];
    heldForNs += longestOf(holds);
  }
  const share = Math.round((100 * seenNs) / heldForNs);
  const detail = correct === 0 ? undefined : `they show ${share} % of the longest hold`;
  return scoreRow('holds', actual, inferred, correct, detail);
}

function longestOf(holds: readonly Hold[]): number {
  return holds.reduce((most, { start, end }) => Math.max(most, end - start), 0);
}

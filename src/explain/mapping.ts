/**
 * Where guest memory lies in host memory, learnt from invalidations: their range is in host addresses, the
 * leaves that they zap are in guest frames, and both differ by a constant in each memslot.
 *
 * An invalidation of host pages [s, e) that zapped frames [f, g) says that the distance is between s - f and
 * e - g. Where that is a single number (all 4 KiB invalidations, and ranges zapped from edge to edge) it is a
 * full vote.
 */
import type { Attempts } from './attempts.js';
import { Outcome } from './episodes.js';
import type { Invalidations } from './invalidations.js';
import type { Confidence } from './types-finding.js';
import type { MappingSlot, MappingSummary } from './types.js';

/** Memslots that back the RAM of one guest are few; more would be noise. */
const MOST_SLOTS = 8;
/** Full votes for one distance from which it is beyond doubt, if hardly anything speaks against it. */
const VOTES_FOR_HIGH = 3;

interface Bound {
  readonly row: number;
  readonly low: number;
  readonly high: number;
}

export function learnMapping(
  invalidations: Invalidations,
  attempts: Attempts,
  outcome: Uint8Array,
): MappingSummary {
  if (invalidations.count === 0) return { known: false, why: 'the trace has no invalidation', slots: [] };
  let bounds: Bound[] = [];
  for (let row = 0; row < invalidations.count; row++) {
    if (invalidations.gfnMin[row] < 0) continue;
    const low = invalidations.pageStart[row] - invalidations.gfnMin[row];
    const high = invalidations.pageEnd[row] - invalidations.gfnMax[row];
    if (low <= high) bounds.push({ row, low, high });
  }
  if (bounds.length === 0) {
    return { known: false, why: 'no invalidation shows which guest frames it zapped', slots: [] };
  }
  const all = bounds;
  const slots: MappingSlot[] = [];
  while (bounds.length > 0 && slots.length < MOST_SLOTS) {
    const distance = bestDistance(bounds);
    const fits = (bound: Bound) => bound.low <= distance && distance <= bound.high;
    const explained = bounds.filter(fits);
    // One coincidence is not enough to believe in a further memslot.
    if (slots.length > 0 && explained.length < VOTES_FOR_HIGH) break;
    slots.push(slotOf(distance, explained, all.filter(fits), all, invalidations));
    bounds = bounds.filter((bound) => !fits(bound));
  }
  const [first] = slots;
  if (slots.length === 1) slots[0] = { ...first, gfn: widened(first.gfn, attempts, outcome) };
  const exact = slots.reduce((sum, slot) => sum + slot.exactVotes, 0);
  return {
    known: true,
    why: `invalidations that show the frames they zapped: ${all.length}; that fix the distance: ${exact}`,
    slots,
  };
}

/** The distance with most full votes; without any, the one inside most bounds. */
function bestDistance(bounds: readonly Bound[]): number {
  const votes = new Map<number, number>();
  for (const { low, high } of bounds) if (low === high) votes.set(low, (votes.get(low) ?? 0) + 1);
  let best = NaN;
  for (const [distance, count] of votes) if (!(count <= (votes.get(best) ?? 0))) best = distance;
  if (!Number.isNaN(best)) return best;
  const edges = bounds.flatMap(({ low, high }) => [
    { at: low, step: 1 },
    { at: high + 1, step: -1 },
  ]);
  edges.sort((a, b) => a.at - b.at || a.step - b.step);
  let depth = 0;
  let deepest = 0;
  edges.forEach((edge, index) => {
    depth += edge.step;
    if (depth <= deepest) return;
    deepest = depth;
    // Guest RAM is usually aligned to 2 MiB in host memory: prefer such a distance where the bounds leave a
    // choice.
    const last = (edges[index + 1]?.at ?? edge.at + 1) - 1;
    // Adding 0 turns -0 into 0.
    const aligned = Math.ceil(edge.at / 512) * 512 + 0;
    best = aligned <= last ? aligned : edge.at;
  });
  return best;
}

function slotOf(
  distance: number,
  explained: readonly Bound[],
  fitting: readonly Bound[],
  all: readonly Bound[],
  invalidations: Invalidations,
): MappingSlot {
  let first = Infinity;
  let end = -Infinity;
  for (const { row } of explained) {
    first = Math.min(first, invalidations.gfnMin[row]);
    end = Math.max(end, invalidations.gfnMax[row]);
  }
  const exactVotes = fitting.filter((bound) => bound.low === bound.high).length;
  const inside = ({ row }: Bound) => invalidations.gfnMin[row] >= first && invalidations.gfnMax[row] <= end;
  const against = all.filter(
    (bound) => inside(bound) && (bound.low > distance || bound.high < distance),
  ).length;
  let confidence: Confidence = 'low';
  if (exactVotes >= VOTES_FOR_HIGH && against * 100 <= fitting.length) confidence = 'high';
  else if (exactVotes >= 1 && against * 10 <= fitting.length) confidence = 'medium';
  return { offsetPages: distance, gfn: [first, end], votes: fitting.length, exactVotes, against, confidence };
}

/** With a single slot every frame that a fault mapped lies in it. */
function widened(gfn: readonly [number, number], attempts: Attempts, outcome: Uint8Array): [number, number] {
  let [first, end] = gfn;
  for (let row = 0; row < attempts.count; row++) {
    const frame = attempts.gfn[row];
    if (frame < 0 || outcome[row] !== Outcome.mapped) continue;
    if (frame < first) first = frame;
    if (frame >= end) end = frame + 1;
  }
  return [first, end];
}

/**
 * The frames of host pages [start, end) in any slot, as one hull; undefined when they are no guest memory.
 */
export function framesOf(
  slots: readonly MappingSlot[],
  start: number,
  end: number,
): [number, number] | undefined {
  let first = Infinity;
  let last = -Infinity;
  for (const slot of slots) {
    const from = Math.max(start - slot.offsetPages, slot.gfn[0]);
    const to = Math.min(end - slot.offsetPages, slot.gfn[1]);
    if (from >= to) continue;
    first = Math.min(first, from);
    last = Math.max(last, to);
  }
  return first < last ? [first, last] : undefined;
}

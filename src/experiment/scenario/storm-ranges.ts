/**
 * Where and when storms are: ranges in pages, and times from the start of the run.
 */
import { PAGE_BYTES, pagesOf } from './quantities.js';
import type { ScenarioFields } from './schema.js';
import type { StormOf } from './storm-schema.js';

/** What phases and results call storms, in order. */
export function namesOfStorms(storms: readonly StormOf[]): string[] {
  return storms.map(({ name, kind }) => name ?? kind);
}

/**
 * Pages first .. end-1 of the guest's memory that a storm works on. NUMA balancing and fork see all of it, a
 * memslot change its slot.
 */
export function stormRange(
  storm: StormOf,
  { memory, slots }: ScenarioFields['guest'],
): { first: number; end: number } {
  const pages = memory / PAGE_BYTES;
  if ('range' in storm)
    return { first: pagesOf(storm.range.from, pages), end: pagesOf(storm.range.to, pages) };
  if (storm.kind !== 'memslot') return { first: 0, end: pages };
  const each = Math.floor(pages / slots);
  const first = storm.slot * each;
  return { first, end: storm.slot === slots - 1 ? pages : first + each };
}

/** Pages in the range of at least one storm. */
export function coveredPages({ storms, guest }: Pick<ScenarioFields, 'storms' | 'guest'>): number {
  const ranges = storms.map((storm) => stormRange(storm, guest)).sort((a, b) => a.first - b.first);
  let covered = 0;
  let upTo = 0;
  for (const { first, end } of ranges) {
    covered += Math.max(0, end - Math.max(first, upTo));
    upTo = Math.max(upTo, end);
  }
  return covered;
}

/** How long the scenario lasts, ns. */
export function runLength({ duration, phases }: Pick<ScenarioFields, 'duration' | 'phases'>): number {
  return duration ?? phases?.reduce((sum, phase) => sum + phase.duration, 0) ?? 0;
}

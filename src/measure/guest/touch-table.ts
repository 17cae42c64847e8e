/**
 * What a vCPU's guest touches, as a table that it walks again and again: no pattern is computed inside of
 * a measured interval, and any pattern costs the guest the same.
 *
 * A sequential or strided pass is exact. Patterns with chance in them repeat after the table, which is as
 * long as the region, and at least LEAST_DRAWS.
 */
import { PAGE_BYTES } from '../kvm/units.js';
import type { AccessSpec, GuestSpec, Part } from '../types.js';
import { ENTRY_COVERED, ENTRY_WRITE } from './layout.js';

/** Draws of a table of chance, so that shares come out within a percent. */
const LEAST_DRAWS = 1 << 16;

export interface TouchTable {
  readonly entries: Uint32Array;
  /** Where the walk begins again: what is before it is the first pass. */
  readonly repeatFrom: number;
  /** Touches of one pass over the region. */
  readonly pass: number;
}

/** Pages of one vCPU: `first` and how many. */
interface Region {
  readonly first: number;
  readonly pages: number;
}

export function touchTable(spec: GuestSpec, vcpu: number): TouchTable {
  const { access } = spec;
  const region = regionOf(spec, vcpu);
  const covered = coveredPages(spec);
  const draw = draws(spec.seed * 4096 + vcpu);
  const frames = framesOf(access, region, covered, draw);
  const first = access.firstPass ? region.pages : 0;
  const entries = new Uint32Array(first + frames.length);
  for (let page = 0; page < first; page++) entries[page] = entry(region.first + page, true, covered);
  for (let index = 0; index < frames.length; index++)
    entries[first + index] = entry(frames[index], isWrite(access, draw), covered);
  return { entries, repeatFrom: first, pass: region.pages };
}

function entry(frame: number, write: boolean, covered: Uint8Array): number {
  return (frame | (covered[frame] === 1 ? ENTRY_COVERED : 0) | (write ? ENTRY_WRITE : 0)) >>> 0;
}

function isWrite({ writes }: AccessSpec, draw: () => number): boolean {
  return writes >= 1 || (writes > 0 && draw() < writes);
}

function regionOf({ memory, vcpus, access }: GuestSpec, vcpu: number): Region {
  const all = memory / PAGE_BYTES;
  if (access.region === 'shared') return { first: 0, pages: all };
  const each = Math.floor(all / vcpus);
  return { first: vcpu * each, pages: each };
}

/** 1 for each page in the range of a storm. */
function coveredPages({ memory, coveredRanges }: GuestSpec): Uint8Array {
  const covered = new Uint8Array(memory / PAGE_BYTES);
  for (const { from, to } of coveredRanges)
    covered.fill(1, Math.floor(from / PAGE_BYTES), Math.ceil(to / PAGE_BYTES));
  return covered;
}

function framesOf(access: AccessSpec, region: Region, covered: Uint8Array, draw: () => number): Uint32Array {
  const pattern = patternOf(access, region, draw);
  if (access.covered === undefined) return pattern(region.pages);
  const inside = numbersIn(region).filter((frame) => covered[frame] === 1);
  const outside = numbersIn(region).filter((frame) => covered[frame] === 0);
  // A region without pages of one kind has all its touches in the other.
  const share = inside.length === 0 ? 0 : outside.length === 0 ? 1 : access.covered;
  const inOrder = access.pattern === 'sequential';
  const next = { inside: 0, outside: 0 };
  return Uint32Array.from({ length: Math.max(region.pages, LEAST_DRAWS) }, () => {
    const from = draw() < share ? 'inside' : 'outside';
    const frames = from === 'inside' ? inside : outside;
    return frames[inOrder ? next[from]++ % frames.length : Math.floor(draw() * frames.length)];
  });
}

function numbersIn({ first, pages }: Region): number[] {
  return Array.from({ length: pages }, (_, page) => first + page);
}

/** Makes the frames of a pass, or of enough draws. */
function patternOf(
  access: AccessSpec,
  { first, pages }: Region,
  draw: () => number,
): (pages: number) => Uint32Array {
  const below = (count: number): number => Math.floor(draw() * count);
  const drawn = Math.max(pages, LEAST_DRAWS);
  switch (access.pattern) {
    case 'sequential':
      return (length) => Uint32Array.from({ length }, (_, index) => first + index);
    case 'strided':
      return () => strided(first, pages, Math.max(1, (access.stride ?? PAGE_BYTES) / PAGE_BYTES));
    case 'random':
      return () => Uint32Array.from({ length: drawn }, () => first + below(pages));
    case 'hot-set': {
      const hot = Math.min(pages, Math.max(1, pagesOf(access.hot ?? { share: 0.1 }, pages)));
      const touches = access.hotTouches ?? 0.9;
      const spread = access.hotPlacement === 'spread';
      return () =>
        Uint32Array.from({ length: drawn }, () => {
          if (draw() >= touches) return first + below(pages);
          const page = below(hot);
          return first + (spread ? Math.floor((page * pages) / hot) : page);
        });
    }
  }
}

/** Every page once, `stride` apart: as many runs as the stride is long. */
function strided(first: number, pages: number, stride: number): Uint32Array {
  const frames = new Uint32Array(pages);
  let at = 0;
  for (let start = 0; start < Math.min(stride, pages); start++)
    for (let page = start; page < pages; page += stride) frames[at++] = first + page;
  return frames;
}

function pagesOf(part: Part, pages: number): number {
  return Math.round('bytes' in part ? part.bytes / PAGE_BYTES : part.share * pages);
}

/** Numbers from 0 to 1, the same for the same seed (splitmix32). */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) * 2 ** -32;
  };
}

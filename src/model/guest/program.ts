/**
 * What a vCPU's guest does: one access after another, each a pure function of its number, so that a guest
 * that is interrupted needs to remember nothing but how far it got.
 */

import { hash } from './permutation.js';

export interface GuestProgram {
  readonly pattern: 'sequential' | 'strided' | 'random' | 'hot-set';
  /** Frames that it touches: pages of them from firstGfn. */
  readonly firstGfn: number;
  readonly pages: number;
  /** strided: pages from one access to the next. */
  readonly stridePages: number;
  /**
   * hot-set: how many pages are hot, whether they are spread
   * over the region, and the share of accesses to them.
   */
  readonly hotPages: number;
  readonly hotSpread: boolean;
  readonly hotShare: number;
  /** Share of accesses that write, 0 to 1. */
  readonly writeShare: number;
  /** What the guest computes for each access, ns. */
  readonly workNs: number;
  /** Draws of this vCPU differ from those of others. */
  readonly seed: number;
  /** Begins with one access to each page in order, all of them writes, before the pattern. */
  readonly firstPass: boolean;
  /** Ends after so many accesses; 0: never. */
  readonly accesses: number;
  /** 1 for each guest frame in the range of a storm. */
  readonly covered: Uint8Array;
  /**
   * Share of accesses to covered frames, with the frames
   * of the region apart; undefined: as the pattern has it.
   */
  readonly coveredShare?: {
    readonly share: number;
    readonly covered: Int32Array;
    readonly uncovered: Int32Array;
  };
}

const UNIT = 2 ** -32;

/** An integer below `below` for access number `index`; `draw` keeps draws of one access apart. */
function pick(program: GuestProgram, index: number, draw: number, below: number): number {
  return Math.floor(hash(index, Math.imul(program.seed, 8) + draw) * UNIT * below);
}

function chance(program: GuestProgram, index: number, draw: number, share: number): boolean {
  return share > 0 && (share >= 1 || hash(index, Math.imul(program.seed, 8) + draw) * UNIT < share);
}

/** Guest frame of access number `index`. */
export function gfnAt(program: GuestProgram, index: number): number {
  const { pattern, firstGfn, pages, coveredShare } = program;
  if (program.firstPass && index < pages) return firstGfn + index;
  if (coveredShare !== undefined) {
    const { share, covered, uncovered } = coveredShare;
    const frames = chance(program, index, 1, share) ? covered : uncovered;
    return frames[pattern === 'sequential' ? index % frames.length : pick(program, index, 2, frames.length)];
  }
  switch (pattern) {
    case 'sequential':
      return firstGfn + (index % pages);
    case 'strided':
      return firstGfn + strided(index, program.stridePages, pages);
    case 'random':
      return firstGfn + pick(program, index, 2, pages);
    case 'hot-set':
      return firstGfn + hotOrCold(program, index);
  }
}

/** Every page once in a pass, `stride` apart: as many interleaved runs as the stride is long. */
function strided(index: number, stride: number, pages: number): number {
  const step = index % pages;
  const shorter = Math.floor(pages / stride);
  // The first runs are one page longer when the stride does not divide the region.
  const longSteps = (pages % stride) * (shorter + 1);
  if (step < longSteps) return (step % (shorter + 1)) * stride + Math.floor(step / (shorter + 1));
  const rest = step - longSteps;
  return (rest % shorter) * stride + (pages % stride) + Math.floor(rest / shorter);
}

function hotOrCold(program: GuestProgram, index: number): number {
  const { pages, hotPages, hotSpread, hotShare } = program;
  if (!chance(program, index, 3, hotShare)) return pick(program, index, 2, pages);
  const hot = pick(program, index, 2, hotPages);
  return hotSpread ? Math.floor((hot * pages) / hotPages) : hot;
}

/** Whether access number `index` writes: 1 or 0. */
export function writesAt(program: GuestProgram, index: number): number {
  if (program.firstPass && index < program.pages) return 1;
  return chance(program, index, 4, program.writeShare) ? 1 : 0;
}

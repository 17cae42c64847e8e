/** What each vCPU's guest does, from the scenario's access pattern. */
import type { GuestProgram } from '../model/guest/program.js';
import type { Kvm } from '../model/kvm.js';
import type { SimulationSetup } from './setup.js';

/** 1 for each guest frame in the range of a storm. A storm of a kind that has no range covers what it has. */
export function coveredFrames(setup: SimulationSetup, kvm: Kvm): Uint8Array {
  const covered = new Uint8Array(kvm.geometry.gfns);
  for (const { firstPage, pages } of setup.storms) covered.fill(1, firstPage, firstPage + pages);
  return covered;
}

/**
 * The same words as constants of the program: a text out of a file is another object, and would be compared
 * letter by letter with every touch.
 */
const PATTERNS: Readonly<{ [Name in GuestProgram['pattern']]: Name }> = {
  sequential: 'sequential',
  strided: 'strided',
  random: 'random',
  'hot-set': 'hot-set',
};

export function guestProgram(setup: SimulationSetup, vcpu: number, covered: Uint8Array): GuestProgram {
  const { guest } = setup;
  const { access } = guest;
  const each = Math.floor(guest.pages / guest.vcpus);
  const firstGfn = access.region === 'own' ? vcpu * each : 0;
  const pages = access.region === 'own' ? each : guest.pages;
  const shared = access.coveredShare === undefined ? undefined : apart(firstGfn, pages, covered);
  return {
    pattern: PATTERNS[access.pattern],
    firstGfn,
    pages,
    stridePages: access.stridePages,
    hotPages: Math.min(Math.max(access.hotPages, 1), pages),
    hotSpread: access.hotSpread,
    hotShare: access.hotShare,
    writeShare: access.writeShare,
    workNs: access.workNs,
    seed: setup.seed * 4096 + vcpu,
    firstPass: access.firstPass,
    accesses: access.passes * pages,
    covered,
    ...(shared === undefined || access.coveredShare === undefined
      ? {}
      : { coveredShare: { share: shareOf(access.coveredShare, shared), ...shared } }),
  };
}

interface Frames {
  readonly covered: Int32Array;
  readonly uncovered: Int32Array;
}

function apart(first: number, pages: number, covered: Uint8Array): Frames {
  const frames = Array.from({ length: pages }, (_, page) => first + page);
  return {
    covered: Int32Array.from(frames.filter((gfn) => covered[gfn] === 1)),
    uncovered: Int32Array.from(frames.filter((gfn) => covered[gfn] === 0)),
  };
}

/** A region without frames of one kind has all its accesses in the other. */
function shareOf(wanted: number, { covered, uncovered }: Frames): number {
  if (covered.length === 0) return 0;
  return uncovered.length === 0 ? 1 : wanted;
}

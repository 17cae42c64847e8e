/** How much of everything a check has, and what the threads of common protocols make of it. */
import type { InvalidatorScope, Touch } from './kvm-program.js';

export interface Scope {
  readonly vcpus: number;
  /** Guest frames. */
  readonly gfns: number;
  readonly invalidators: number;
  /** Accesses of each vCPU's guest. */
  readonly touches: number;
  /** Invalidations of each invalidator, and operations of each other thread. */
  readonly rounds: number;
}

/** Limits of a scope: beyond them nobody would wait for the answer. */
export const MOST: Scope = { vcpus: 4, gfns: 8, invalidators: 3, touches: 8, rounds: 8 };

const write = (gfn: number): Touch => ({ gfn, write: true });

/** vCPU `id` touches frame `id` first, and then the next ones; each access writes. */
export function vcpuTouches({ vcpus, gfns, touches }: Scope): Touch[][] {
  return Array.from({ length: vcpus }, (_, id) =>
    Array.from({ length: touches }, (_unused, index) => write((id + index) % gfns)),
  );
}

/** Every frame but the last `but`, written. */
export function allFrames({ gfns }: Scope, but = 0): Touch[] {
  return Array.from({ length: gfns - but }, (_, gfn) => write(gfn));
}

/** Every frame, read. */
export function allRead(scope: Scope): Touch[] {
  return allFrames(scope).map(({ gfn }) => ({ gfn, write: false }));
}

/** Invalidators of the whole of guest memory, each of which changes another page. */
export function wholeRange({ invalidators, gfns, rounds }: Scope): InvalidatorScope[] {
  return Array.from({ length: invalidators }, (_, index) => ({
    from: 0,
    to: gfns,
    changes: index % gfns,
    rounds,
  }));
}

/** The first invalidates everything, the others one page each. */
export function wholeAndSingle({ invalidators, gfns, rounds }: Scope): InvalidatorScope[] {
  return Array.from({ length: invalidators }, (_, index) => {
    if (index === 0) return { from: 0, to: gfns, changes: 0, rounds };
    const gfn = (index - 1) % gfns;
    return { from: gfn, to: gfn + 1, changes: gfn, rounds };
  });
}

/** The first invalidates everything but the last page, the others the last pages: none overlaps the first. */
export function disjoint({ invalidators, gfns, rounds }: Scope): InvalidatorScope[] {
  const rest = Math.max(1, Math.min(invalidators - 1, gfns - 1));
  return Array.from({ length: invalidators }, (_, index) => {
    if (index === 0) return { from: 0, to: gfns - rest, changes: 0, rounds };
    const gfn = gfns - 1 - ((index - 1) % rest);
    return { from: gfn, to: gfn + 1, changes: gfn, rounds };
  });
}

/** Each invalidates one page. */
export function singles({ invalidators, gfns, rounds }: Scope): InvalidatorScope[] {
  return Array.from({ length: invalidators }, (_, index) => {
    const gfn = index % gfns;
    return { from: gfn, to: gfn + 1, changes: gfn, rounds };
  });
}

/** All invalidate the page behind guest memory, which memslots of the VM's guest do not show. */
export function behind({ invalidators, gfns, rounds }: Scope): InvalidatorScope[] {
  return Array.from({ length: invalidators }, () => ({ from: gfns, to: gfns + 1, changes: gfns, rounds }));
}

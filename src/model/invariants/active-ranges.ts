/** Invalidations between the return of their start and their end. */
import type { Kvm } from '../kvm.js';
import { gfnRangesOf, type GfnRange } from './read-state.js';

export interface ActiveRange {
  /** Host pages. */
  readonly start: number;
  readonly end: number;
  readonly parts: readonly GfnRange[];
}

export class ActiveRanges {
  readonly list: ActiveRange[] = [];

  constructor(readonly kvm: Kvm) {}

  add(mem: Int32Array, start: number, end: number): ActiveRange {
    const range = { start, end, parts: gfnRangesOf(mem, this.kvm, start, end) };
    this.list.push(range);
    return range;
  }

  remove(start: number, end: number): void {
    const index = this.list.findIndex((range) => range.start === start && range.end === end);
    if (index >= 0) this.list.splice(index, 1);
  }

  /** The range that holds a frame of address space `asId`; there are few at a time. */
  holding(asId: number, gfn: number, pages: number): ActiveRange | undefined {
    const { list } = this;
    for (let index = 0; index < list.length; index++) {
      const { parts } = list[index];
      for (let part = 0; part < parts.length; part++) {
        const { asId: space, start, end } = parts[part];
        if (space === asId && gfn < end && gfn + pages > start) return list[index];
      }
    }
    return undefined;
  }
}

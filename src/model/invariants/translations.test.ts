/**
 * Who maps what: events and memory written by hand, once as the protocol has them and once wrong.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { Request, VcpuMode } from '../kvm.js';
import { makeEntry, NONPRESENT_SPTE } from '../spte.js';
import { LEAF, WatchedMachine } from '../testing/watched-machine.js';
import { Tracepoint as T } from '../tracepoints.js';

let world: WatchedMachine;
beforeEach(() => {
  world = new WatchedMachine();
});

describe('noStaleTranslation', () => {
  it('holds: mapped, zapped, flushed, changed, mapped again after the end', () => {
    world.map(3);
    world.enter(0);
    world.touch(0, 3);
    world.begin(2, 5);
    world.zap(3);
    world.leave(0);
    world.started(2, 5);
    world.flush(0);
    world.enter(0);
    world.map(6);
    world.touch(0, 6);
    world.end(2, 5);
    world.map(3);
    world.touch(0, 3);
    world.invariants.check(world.mem);
    expect(world.names).toEqual([]);
  });

  it('an SPTE that start() left', () => {
    world.map(3);
    world.begin(2, 5);
    world.started(2, 5);
    expect(world.names).toEqual(['noStaleTranslation']);
    expect(world.messages).toContain('an SPTE still maps gfn 3');
  });

  it.each([
    [1, []],
    [2, ['noStaleTranslation']],
    [4, ['noStaleTranslation']],
    [5, []],
  ])('an SPTE of gfn %d made while 2, 3 and 4 change: %j', (gfn, expected) => {
    world.begin(2, 5);
    world.started(2, 5);
    world.map(gfn);
    expect(world.names).toEqual(expected);
  });

  it('an SPTE in an invalid root counts too', () => {
    world.map(3);
    world.mem[world.machine.kvm.roots[0].invalid] = 1;
    world.begin(3, 4);
    world.started(3, 4);
    expect(world.names).toEqual(['noStaleTranslation']);
  });

  it('a guest that runs with what it has in its TLB, and one that is being interrupted', () => {
    world.map(3);
    for (const vcpu of [0, 1]) {
      world.enter(vcpu);
      world.touch(vcpu, 3);
    }
    world.mem[world.machine.kvm.vcpus[1].mode] = VcpuMode.ExitingGuest;
    world.begin(3, 4);
    world.zap(3);
    world.started(3, 4);
    expect(world.names).toEqual(['noStaleTranslation', 'noStaleTranslation']);
    expect(world.messages).toContain('vCPU 0 runs its guest');
    expect(world.messages).toContain('vCPU 1 runs its guest');
  });

  it('a vCPU outside of its guest may flush later, but must before it enters', () => {
    world.map(3);
    world.enter(0);
    world.touch(0, 3);
    world.leave(0);
    world.begin(3, 4);
    world.zap(3);
    // It announces itself, sees the request, and backs out.
    world.mem[world.machine.kvm.vcpus[0].requests] = Request.TlbFlush;
    world.mem[world.machine.kvm.vcpus[0].mode] = VcpuMode.InGuest;
    world.started(3, 4);
    expect(world.names).toEqual([]);
    world.enter(0);
    expect(world.names).toEqual(['noStaleTranslation']);
    expect(world.messages).toContain('enters its guest without a flush');
  });

  it('a fast page fault that brings back what was zapped, and one that came before the zap', () => {
    world.map(3);
    const spte = world.mem[world.sptep(3)];
    world.begin(3, 4);
    world.zap(3);
    world.started(3, 4);
    world.emit(T.fastPageFault, 0, 3, 1, spte, spte, 5);
    expect(world.names).toEqual([]);
    world.mem[world.sptep(3)] = spte;
    world.emit(T.fastPageFault, 0, 3, 1, spte, spte, 5);
    expect(world.names).toEqual(['noStaleTranslation']);
  });

  it('two ranges over one page: it stays unmapped until both have ended', () => {
    for (let times = 0; times < 2; times++) {
      world.begin(3, 4);
      world.started(3, 4);
    }
    world.end(3, 4);
    world.map(3);
    expect(world.names).toEqual(['noStaleTranslation']);
    world.zap(3);
    world.end(3, 4);
    world.map(3);
    expect(world.names).toEqual(['noStaleTranslation']);
  });

  it('what no event tells, a look at everything finds', () => {
    world.begin(3, 4);
    world.started(3, 4);
    world.invariants.check(world.mem);
    expect(world.names).toEqual([]);
    world.mem[world.sptep(3)] = makeEntry(world.pfnOf(3), LEAF);
    world.invariants.check(world.mem);
    expect(world.names).toEqual(['noStaleTranslation']);
  });

  it('a memslot that shows the same memory in another place is no way around it', () => {
    world = new WatchedMachine({}, { slots: [{ pages: 4 }, { pages: 4, sameMemoryAs: 0 }] });
    world.begin(0, 8);
    world.started(1, 2);
    world.map(5, world.pfnOf(1));
    expect(world.names).toEqual(['noStaleTranslation']);
  });
});

describe('noUseAfterFree', () => {
  it('holds: unmapped and flushed before the page is freed', () => {
    world.map(3);
    world.enter(0);
    world.touch(0, 3);
    world.zap(3);
    world.leave(0);
    world.free(world.pfnOf(3));
    world.flush(0);
    world.enter(0);
    expect(world.names).toEqual([]);
  });

  it('an SPTE to a page that is freed, whichever of its frames it was mapped at', () => {
    const pfn = world.pfnOf(3);
    // A page that KSM shares.
    for (const gfn of [3, 4, 5]) world.map(gfn, pfn);
    world.zap(3);
    world.zap(5);
    world.free(pfn);
    expect(world.messages).toBe(`an SPTE maps gfn 4 to page ${pfn}, which was freed`);
  });

  it('an SPTE to a page that is free already, or to none', () => {
    const pfn = world.pfnOf(3);
    world.free(pfn);
    world.map(3, pfn);
    world.map(4, 0xff_ffff);
    expect(world.names).toEqual(['noUseAfterFree', 'noUseAfterFree']);
  });

  it('a guest that runs with the page in its TLB, even if another entry has its place since', () => {
    world.map(3);
    world.enter(0);
    world.touch(0, 3);
    world.zap(3);
    world.mem[world.machine.kvm.vcpus[0].tlb + 6] = 0;
    world.free(world.pfnOf(3));
    expect(world.names).toEqual(['noUseAfterFree']);
  });

  it('a gfn_to_pfn_cache', () => {
    world = new WatchedMachine({}, { pfnCaches: [3, 4] });
    const [cache] = world.machine.kvm.pfnCaches;
    const pfn = world.pfnOf(3);
    world.mem[cache.pfn] = pfn;
    world.free(pfn);
    expect(world.names).toEqual([]);
    world.mem[cache.valid] = 1;
    world.emit(T.probePfnCache, 0, pfn);
    expect(world.messages).toContain(`gfn_to_pfn_cache 0 got page ${pfn}`);
    world.free(pfn);
    expect(world.messages).toContain(`gfn_to_pfn_cache 0 holds page ${pfn}`);
  });

  it('the APIC access page in a VMCS: at once in a guest that runs, else when it enters', () => {
    const pfn = world.pfnOf(3);
    for (const { id, apicAccessPfn } of world.machine.kvm.vcpus) {
      world.mem[apicAccessPfn] = pfn;
      world.emit(T.probeApicPage, id, pfn);
    }
    world.enter(1);
    world.free(pfn);
    expect(world.messages).toBe(`the VMCS of vCPU 1 names page ${pfn}, which was freed`);
    world.enter(0);
    expect(world.messages).toContain(`vCPU 0 enters its guest with APIC page ${pfn}`);
  });

  it('a reloaded APIC access page is fine', () => {
    const [{ apicAccessPfn }] = world.machine.kvm.vcpus;
    world.mem[apicAccessPfn] = world.pfnOf(3);
    world.emit(T.probeApicPage, 0, world.pfnOf(3));
    world.free(world.pfnOf(3));
    world.mem[apicAccessPfn] = world.pfnOf(4);
    world.emit(T.probeApicPage, 0, world.pfnOf(4));
    world.enter(0);
    expect(world.names).toEqual([]);
  });

  it('what no event tells, a look at everything finds: an SPTE, the TLB of a guest that runs', () => {
    const pfn = world.pfnOf(3);
    world.map(3);
    world.enter(0);
    world.touch(0, 3);
    world.invariants.check(world.mem);
    expect(world.names).toEqual([]);
    world.mem[world.machine.mm.refcounts + pfn] = 0;
    world.invariants.check(world.mem);
    expect(world.messages).toContain(`an SPTE maps gfn 3 to ${pfn}`);
    expect(world.messages).toContain(`the TLB of vCPU 0 maps gfn 3 to ${pfn}`);
  });
});

describe('noDirectRemap', () => {
  it('other bits of the same page, or another page after a zap', () => {
    world.map(3);
    world.map(3);
    world.zap(3);
    world.map(3, world.pfnOf(4));
    expect(world.names).toEqual([]);
  });

  it('another page at once', () => {
    world.map(3);
    world.map(3, world.pfnOf(4));
    expect(world.names).toEqual(['noDirectRemap']);
  });
});

describe('the shadow MMU', () => {
  it('is looked through by its rmaps', () => {
    world = new WatchedMachine({ mmu: 'shadow' });
    const [slot] = world.machine.kvm.slots;
    const head = slot.rmap[0] + 3;
    world.mem[world.sptep(3)] = makeEntry(world.pfnOf(3), LEAF);
    world.begin(2, 5);
    world.started(2, 5);
    expect(world.names).toEqual([]);
    world.mem[head] = world.sptep(3) << 2;
    world.invariants.check(world.mem);
    expect(world.messages).toContain('an SPTE still maps gfn 3');
    // An entry that was cleared, and has not left its rmap yet.
    world.mem[world.sptep(3)] = NONPRESENT_SPTE;
    const before = world.invariants.violationCount;
    world.invariants.check(world.mem);
    expect(world.invariants.violationCount).toBe(before);
  });

  it('chains of several entries', () => {
    world = new WatchedMachine({ mmu: 'shadow' });
    const { slots, shadow } = world.machine.kvm;
    const pfn = world.pfnOf(3);
    const node = shadow.rmapNodes;
    world.mem[world.sptep(6)] = makeEntry(pfn, LEAF);
    world.emit(T.probeSpteInstalled, 0, 3, 0, makeEntry(pfn, LEAF), 1);
    world.mem[slots[0].rmap[0] + 3] = (node << 2) | 1;
    world.mem[node] = world.sptep(5);
    world.mem[node + 1] = world.sptep(6) << 2;
    world.free(pfn);
    expect(world.messages).toBe(`an SPTE maps gfn 3 to page ${pfn}, which was freed`);
  });
});

/**
 * The APIC access page's address in the VMCS against an invalidation of it (fact sheet, 7): at every place in
 * the reload at which an invalidation begins, and at every place at which it ends.
 */
import { describe, expect, it } from 'vitest';
import { kvmMmuReloadApicAccessPage } from './apic-access-page.js';
import { Request, SlotFlag } from './kvm.js';
import type { PolicyChange } from './policies.js';
import { frameOf } from './spte.js';
import { finish } from './testing/sequential-thread.js';
import { endOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Tracepoint } from './tracepoints.js';

/** Page 0 is guest memory, page 2 the APIC access page. */
const APIC = 2;

function build(change: PolicyChange = {}): TdpMachine {
  const slots = [{ pages: 2 }];
  const populated = { huge: false, nodeOf: () => 0 };
  return tdpOn({ slots, apicAccessPage: true, populated, geometry: { bits: 1, levels: 2 }, change });
}

/** Serves the request while it is raised, as vcpu_enter_guest() does, as often as it takes. */
function enter({ t, mem, vcpu }: TdpMachine): void {
  for (let tries = 0; tries < 50 && (mem[vcpu.requests] & Request.ApicPageReload) !== 0; tries++) {
    mem[vcpu.requests] &= ~Request.ApicPageReload;
    finish(kvmMmuReloadApicAccessPage(t, vcpu));
  }
}

/** The page moves, within an invalidation, to where page 0 was. */
function move({ mem, mm }: TdpMachine): void {
  [mem[mm.ptes], mem[mm.ptes + APIC]] = [mem[mm.ptes + APIC], mem[mm.ptes]];
}

/** How many pairs of places leave the old address behind. */
function stale(change: PolicyChange): { pairs: number; left: number } {
  const found = { pairs: 0, left: 0 };
  for (let begin = 1; begin < 40; begin++) {
    for (let end = begin; end < 40; end++) {
      const alone = build(change);
      const { t, mem, mm, kvm, vcpu, others } = alone;
      mem[vcpu.requests] |= Request.ApicPageReload;
      let accesses = 0;
      let phase = 0;
      const step = (place: number): void => {
        if (mem[kvm.mmuLock.cnts] !== 0) return;
        if (phase === 0 && place >= begin) {
          phase = 1;
          startOn(alone, APIC, APIC + 1, others[0]);
        }
        if (phase === 1 && place >= end) {
          phase = 2;
          move(alone);
          endOn(alone, APIC, APIC + 1, others[0]);
        }
      };
      t.onAccess = () => step(++accesses);
      enter(alone);
      t.onAccess = undefined;
      step(1000);
      enter(alone);
      found.pairs++;
      if (mem[vcpu.apicAccessPfn] !== frameOf(mem[mm.ptes + APIC])) found.left++;
    }
  }
  return found;
}

describe('the address in the VMCS', () => {
  it('an invalidation makes every vCPU reload it, and waits for those in the guest', () => {
    for (const apicPage of ['retry', 'no-retry'] as const) {
      const alone = build({ apicPage });
      startOn(alone, APIC, APIC + 1);
      expect(alone.mem[alone.vcpu.requests]).toBe(Request.ApicPageReload);
      const elsewhere = build({ apicPage });
      startOn(elsewhere, 0, 2);
      expect(elsewhere.mem[elsewhere.vcpu.requests]).toBe(0);
    }
  });

  it('within an invalidation it asks again and writes nothing; without the retry it writes', () => {
    for (const [apicPage, written] of [
      ['retry', 0],
      ['no-retry', 1],
    ] as const) {
      const alone = build({ apicPage });
      startOn(alone, APIC, APIC + 1);
      alone.mem[alone.vcpu.requests] = 0;
      finish(kvmMmuReloadApicAccessPage(alone.t, alone.vcpu));
      expect(alone.t.all(Tracepoint.probeApicPage)).toHaveLength(written);
      expect(alone.mem[alone.vcpu.requests]).toBe(written === 0 ? Request.ApicPageReload : 0);
    }
  });

  it('wherever an invalidation begins and ends, it is that of the page', () => {
    const { pairs, left } = stale({});
    expect(pairs).toBe((39 * 40) / 2);
    expect(left).toBe(0);
  });

  it('without the retry one that begins before the lookup and ends after it leaves the old one', () => {
    expect(stale({ apicPage: 'no-retry' }).left).toBeGreaterThan(0);
  });

  it('a memslot that is going away is left alone', () => {
    const alone = build();
    alone.mem[alone.kvm.slots[1].flags] = SlotFlag.Valid | SlotFlag.Invalid;
    finish(kvmMmuReloadApicAccessPage(alone.t, alone.vcpu));
    expect(alone.t.all(Tracepoint.probeApicPage)).toEqual([]);
  });
});

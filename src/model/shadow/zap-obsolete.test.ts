import { describe, expect, it } from 'vitest';
import { Request } from '../kvm.js';
import { RetPf } from '../page-fault-struct.js';
import { writeLock, writeUnlock } from '../locks/rwlock.js';
import { SequentialThread } from '../testing/sequential-thread.js';
import {
  activePages,
  atFirstUnlock,
  reload,
  run,
  setContended,
  shadowFaults,
  shadowOn,
  touch,
} from '../testing/shadow-machine.js';
import { Tracepoint } from '../tracepoints.js';
import { Sp } from './layout.js';
import { kvmMmuZapAllFast, kvmMmuZapMemslot, kvmZapObsoletePages } from './zap-obsolete.js';

describe('kvmMmuZapAllFast', () => {
  it('makes everything obsolete, asks every vCPU to leave, and flushes once before it frees', () => {
    const alone = shadowOn({ vcpus: 3 });
    const { t, kvm, mem, vcpu } = alone;
    for (let gfn = 0; gfn < 32; gfn += 4) touch(alone, vcpu, gfn);
    // 1 root, 2 tables for 16 frames, 8 for 4.
    expect(mem[kvm.shadow.usedPages]).toBe(11);
    run(kvmMmuZapAllFast(t, kvm));
    expect(t.all(Tracepoint.kvmMmuZapAllFast)).toEqual([[0, 11]]);
    expect(mem[kvm.mmuValidGen]).toBe(1);
    expect(kvm.vcpus.map(({ requests }) => (mem[requests] ?? 0) & Request.MmuFreeObsoleteRoots)).toEqual([
      4, 4, 4,
    ]);
    expect(t.all(Tracepoint.kvmMmuPrepareZapPage)).toHaveLength(11);
    // The root counts until the last vCPU has left it.
    expect(mem[kvm.shadow.usedPages]).toBe(1);
    expect(activePages(alone)).toEqual([]);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(1);
    expect(shadowFaults(alone)).toEqual([]);
    const [first, second, third] = kvm.vcpus;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three vCPUs');
    reload(alone, first);
    reload(alone, second);
    expect(mem[kvm.shadow.usedPages]).toBe(2);
    reload(alone, third);
    expect(mem[kvm.shadow.usedPages]).toBe(1);
    expect(shadowFaults(alone)).toEqual([]);
    expect(touch(alone, third, 9)).toBe(RetPf.Fixed);
    expect([t.preemptCount, t.irqCount]).toEqual([0, 0]);
  });

  it('a fault with an obsolete root is stale', () => {
    const alone = shadowOn({});
    run(kvmMmuZapAllFast(alone.t, alone.kvm));
    expect(touch(alone, alone.vcpu, 1)).toBe(RetPf.Retry);
    reload(alone, alone.vcpu);
    expect(touch(alone, alone.vcpu, 1)).toBe(RetPf.Fixed);
  });

  it.each([
    // 29 pages: after 10 and after 20.
    ['10', 2],
    // After each but the last.
    ['1', 28],
  ] as const)('a contended lock is let go after batches of %s', (shadowBatch, yields) => {
    const alone = shadowOn({ pages: 84, change: { shadowBatch }, geometry: { bits: 2, levels: 4 } });
    const { t, kvm, vcpu } = alone;
    // 1 root, 2 of 64 frames (84 frames), 6 of 16, 21 of 4: one less than that, without the last four frames.
    for (let gfn = 0; gfn < 80; gfn += 4) touch(alone, vcpu, gfn);
    expect(activePages(alone)).toHaveLength(1 + 2 + 5 + 20);
    touch(alone, vcpu, 80);
    touch(alone, vcpu, 81);
    const count = activePages(alone).length;
    expect(count).toBe(1 + 2 + 6 + 21);
    setContended(alone, true);
    run(kvmMmuZapAllFast(t, kvm));
    // The root is not counted in its batch: it is still held.
    expect(t.all(Tracepoint.yield)).toHaveLength(yields);
    expect(t.all(Tracepoint.kvmMmuPrepareZapPage)).toHaveLength(count);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(1);
  });

  it('pages of vCPUs that went on meanwhile are newer, and end the walk', () => {
    const alone = shadowOn({ vcpus: 2, change: { shadowBatch: '1' } });
    const { t, kvm, mem, vcpu } = alone;
    for (let gfn = 0; gfn < 32; gfn += 4) touch(alone, vcpu, gfn);
    setContended(alone, true);
    atFirstUnlock(alone, () => {
      const other = { ...alone, t: new SequentialThread(mem, 2, t.scratch + 32) };
      reload(other, vcpu);
      expect(touch(other, vcpu, 3)).toBe(RetPf.Fixed);
    });
    run(kvmMmuZapAllFast(t, kvm));
    expect(activePages(alone).map((sp) => mem[sp + Sp.validGen])).toEqual([1, 1, 1]);
    expect(t.all(Tracepoint.kvmMmuPrepareZapPage)).toHaveLength(11);
    setContended(alone, false);
    for (const each of kvm.vcpus) reload(alone, each);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('finds nothing to do when nothing is obsolete', () => {
    const alone = shadowOn({});
    const { t, kvm, vcpu } = alone;
    touch(alone, vcpu, 0);
    run(writeLock(t, kvm));
    run(kvmZapObsoletePages(t, kvm));
    run(writeUnlock(t, kvm));
    expect(t.all(Tracepoint.kvmMmuPrepareZapPage)).toEqual([]);
    expect(t.all(Tracepoint.remoteFlush)).toEqual([]);
  });
});

describe('kvmMmuZapMemslot', () => {
  it('zaps what one slot maps, keeps the pages, and lets a contended lock go with the flush done', () => {
    const alone = shadowOn({ slots: [{ pages: 8 }, { pages: 8 }] });
    const { t, kvm, vcpu, mem } = alone;
    const [, second] = kvm.slots;
    if (second === undefined) throw new Error('two slots');
    for (const gfn of [0, 4, 8, 12]) touch(alone, vcpu, gfn);
    const pages = mem[kvm.shadow.usedPages];
    run(kvmMmuZapMemslot(t, kvm, second));
    expect(t.all(Tracepoint.probeSpteZapped).map(([, gfn]) => gfn)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(1);
    expect(mem[kvm.shadow.usedPages]).toBe(pages);
    expect(t.all(Tracepoint.probeUnlock).at(-1)).toEqual([1, 0]);
    expect(shadowFaults(alone)).toEqual([]);
  });
});

/** Spinlocks: places in a queue, or whoever comes first. */
import { describe, expect, it } from 'vitest';
import type { SpinLock } from '../kvm.js';
import { beforeAccess } from '../testing/placement.js';
import { finish } from '../testing/sequential-thread.js';
import { tdpOn, type TdpMachine } from '../testing/tdp-machine.js';
import { Tracepoint } from '../tracepoints.js';
import { readLock, rwlockNeedbreak, writeLock, writeUnlock } from './rwlock.js';
import {
  queuedSpinLock,
  queuedSpinUnlock,
  spinIsContended,
  spinIsLocked,
  spinLock,
  spinUnlock,
  virtSpinLock,
  virtSpinUnlock,
} from './spinlock.js';

interface On extends TdpMachine {
  readonly lock: SpinLock;
}

function on(change = {}): On {
  const tdp = tdpOn({ pages: 4, geometry: { bits: 2, levels: 1 }, change });
  return { ...tdp, lock: tdp.kvm.mnInvalidateLock };
}

const looks = ({ t, lock }: On): boolean[] => [
  finish(spinIsLocked(t, lock)),
  finish(spinIsContended(t, lock)),
];

describe('qspinlock', () => {
  it('free, held, waited for', () => {
    const m = on();
    const { t, lock, mem, others } = m;
    expect(looks(m)).toEqual([false, false]);
    finish(spinLock(t, lock));
    expect([...looks(m), t.preemptCount]).toEqual([true, false, 1]);
    others[0].onWait = (cell) => {
      expect([cell, ...looks(m)]).toEqual([lock.head, true, true]);
      finish(spinUnlock(t, lock));
      expect([...looks(m), t.preemptCount]).toEqual([true, false, 0]);
    };
    finish(spinLock(others[0], lock));
    finish(spinUnlock(others[0], lock));
    expect([...looks(m), mem[lock.tail] - mem[lock.head]]).toEqual([false, false, 0]);
    // LCB_F_SPIN; nothing for the one that did not wait.
    expect(t.all(Tracepoint.contentionBegin)).toEqual([]);
    expect(others[0].all(Tracepoint.contentionBegin)).toEqual([[lock.address, 1]]);
    expect(others[0].all(Tracepoint.contentionEnd)).toEqual([[lock.address, 0]]);
  });

  it('works where the places wrap around, after 65536 of them', () => {
    const m = on();
    const { t, lock, mem } = m;
    for (let turn = 0; turn < 0x10000 + 3; turn++) {
      finish(queuedSpinLock(t, lock));
      finish(queuedSpinUnlock(t, lock));
    }
    expect([mem[lock.tail], mem[lock.head]]).toEqual([0x10003, 3]);
    expect(looks(m)).toEqual([false, false]);
    finish(queuedSpinLock(t, lock));
    expect(looks(m)).toEqual([true, false]);
  });
});

describe('virt_spin_lock()', () => {
  it('whoever comes first after the release has it: who waited may go on waiting', () => {
    const { t, lock, mem } = on();
    mem[lock.tail] = 1;
    let waits = 0;
    t.onWait = (cell) => {
      expect(cell).toBe(lock.tail);
      mem[cell] = 0;
      // Twice somebody who has only just come takes it.
      if (++waits <= 2) beforeAccess(t, cell, 1, () => (mem[cell] = 1));
    };
    finish(virtSpinLock(t, lock));
    expect([waits, mem[lock.tail]]).toEqual([3, 1]);
    finish(virtSpinUnlock(t, lock));
    expect(mem[lock.tail]).toBe(0);
  });

  it('as wait_lock of mmu_lock: contended while somebody heads the queue', () => {
    const m = on({ lock: 'test-and-set' });
    const { t, kvm, mem } = m;
    const { cnts, waitLock } = kvm.mmuLock;
    finish(writeLock(t, kvm));
    expect(finish(rwlockNeedbreak(t, kvm))).toBe(false);
    m.others[0].onWait = (cell) => {
      expect([cell, mem[cnts], mem[waitLock.tail]]).toEqual([cnts, 0x2ff, 1]);
      expect(finish(rwlockNeedbreak(t, kvm))).toBe(true);
      finish(writeUnlock(t, kvm));
    };
    finish(readLock(m.others[0], kvm));
    expect([mem[cnts], mem[waitLock.tail]]).toEqual([0x200, 0]);
  });
});

describe('PREEMPT_RT', () => {
  it('a reader that a writer overtakes between its look and its count takes that back, and sleeps', () => {
    const m = on({ lock: 'rt', preempt: 'rt' });
    const { t, kvm, mem } = m;
    const { cnts, extra, waitLock } = kvm.mmuLock;
    beforeAccess(t, cnts, 1, () => {
      mem[extra] = 1;
      mem[waitLock.tail]++;
    });
    t.onWait = (cell) => {
      expect([cell, mem[cnts], t.preemptCount]).toEqual([waitLock.head, 0, 0]);
      mem[extra] = 0;
      mem[waitLock.head]++;
    };
    finish(readLock(t, kvm));
    expect([mem[cnts], mem[waitLock.tail] - mem[waitLock.head]]).toEqual([1, 0]);
    // LCB_F_RT | LCB_F_READ
    expect(t.all(Tracepoint.contentionBegin)).toEqual([[kvm.mmuLock.address, 10]]);
  });
});

describe('needBreak', () => {
  it('the ticket lock of 5.10: contended when somebody stands behind the owner', () => {
    const m = on({ lock: 'ticket' });
    finish(writeLock(m.t, m.kvm));
    expect(finish(rwlockNeedbreak(m.t, m.kvm))).toBe(false);
    m.others[0].onWait = () => {
      expect(finish(rwlockNeedbreak(m.t, m.kvm))).toBe(true);
      finish(writeUnlock(m.t, m.kvm));
    };
    finish(readLock(m.others[0], m.kvm));
  });

  it('fair: seen by a writer and by a reader alike', () => {
    for (const take of [writeLock, readLock]) {
      const m = on({ lock: 'fair' });
      const { t, kvm, others } = m;
      finish(take(t, kvm));
      expect(finish(rwlockNeedbreak(t, kvm))).toBe(false);
      let asked = 0;
      others[0].onWait = () => {
        asked++;
        expect(finish(rwlockNeedbreak(t, kvm))).toBe(true);
      };
      expect(() => finish(writeLock(others[0], kvm))).toThrow('waits for ever');
      expect(asked).toBe(1);
    }
  });
});

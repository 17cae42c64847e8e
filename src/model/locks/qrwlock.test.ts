/**
 * The queued rwlock word by word: bits 0 to 7 are the writer (0xff), bit 8 says that a writer waits (0x100),
 * a reader counts 0x200. kernel/locking/qrwlock.c
 */
import { describe, expect, it } from 'vitest';
import type { PolicyChange } from '../policies.js';
import { beforeAccess } from '../testing/placement.js';
import { finish, type SequentialThread } from '../testing/sequential-thread.js';
import { tdpOn, type TdpMachine } from '../testing/tdp-machine.js';
import { Tracepoint } from '../tracepoints.js';
import {
  condReschedRwlockRead,
  condReschedRwlockWrite,
  faultReadLock,
  readLock,
  readUnlock,
  rwlockNeedbreak,
  writeLock,
  writeUnlock,
} from './rwlock.js';

interface Lock extends TdpMachine {
  readonly word: number;
  readonly other: SequentialThread;
}

function lockOn(change: PolicyChange = {}): Lock {
  const tdp = tdpOn({ pages: 4, geometry: { bits: 2, levels: 1 }, change });
  return { ...tdp, word: tdp.kvm.mmuLock.cnts, other: tdp.others[0] };
}

/** Someone holds wait_lock: the head of the queue. */
function setHead({ kvm, mem }: Lock, present: boolean): void {
  const { tail, head } = kvm.mmuLock.waitLock;
  mem[tail] = mem[head] + (present ? 1 : 0);
}

function isContended({ kvm, other }: Lock): boolean {
  return finish(rwlockNeedbreak(other, kvm));
}

/** Whether spinning on read_trylock() would have got the lock at once; it is given back. */
function trylockWorks({ kvm, mem, word, other }: Lock): boolean {
  const before = mem[word];
  let spins = 0;
  other.onWait = () => {
    spins++;
    mem[word] = 0;
  };
  finish(faultReadLock(other, { ...kvm, policy: { ...kvm.policy, faultLock: 'trylock-spin' } }, true));
  finish(readUnlock(other, kvm));
  mem[word] = before;
  return spins === 0;
}

describe('the fast paths', () => {
  it('readers add 0x200 each, a writer makes the lowest byte 0xff, and nobody touches the queue', () => {
    const lock = lockOn();
    const { t, kvm, mem, word, other } = lock;
    const queue = mem[kvm.mmuLock.waitLock.tail];
    finish(readLock(t, kvm));
    finish(readLock(other, kvm));
    expect(mem[word]).toBe(0x400);
    expect(t.preemptCount).toBe(1);
    finish(readUnlock(t, kvm));
    finish(readUnlock(other, kvm));
    expect(mem[word]).toBe(0);
    finish(writeLock(t, kvm));
    expect(mem[word]).toBe(0xff);
    finish(writeUnlock(t, kvm));
    expect([mem[word], mem[kvm.mmuLock.waitLock.tail], t.preemptCount]).toEqual([0, queue, 0]);
    expect(t.all(Tracepoint.contentionBegin)).toEqual([]);
  });

  it('a writer that barges in: the word is 0, though somebody heads the queue', () => {
    const lock = lockOn();
    setHead(lock, true);
    finish(writeLock(lock.t, lock.kvm));
    expect(lock.mem[lock.word]).toBe(0xff);
    expect(lock.t.all(Tracepoint.contentionBegin)).toEqual([]);
  });

  it('release of a writer leaves the other bits: a waiting writer, a reader at the head', () => {
    for (const bits of [0x100, 0x200]) {
      const { t, kvm, mem, word } = lockOn();
      finish(writeLock(t, kvm));
      mem[word] |= bits;
      finish(writeUnlock(t, kvm));
      expect(mem[word]).toBe(bits);
    }
  });
});

describe('a reader that finds a writer', () => {
  it('takes its bias back, queues, adds it again, and waits for the locked byte alone', () => {
    const lock = lockOn();
    const { t, kvm, mem, word } = lock;
    mem[word] = 0xff;
    const seen: [number, boolean][] = [];
    beforeAccess(t, kvm.mmuLock.waitLock.tail, 1, () => seen.push([mem[word], isContended(lock)]));
    t.onWait = (cell) => {
      expect(cell).toBe(word);
      seen.push([mem[word], isContended(lock)]);
      // The writer goes, and one that came later already waits: the head owns the lock all the same.
      mem[word] = 0x300;
    };
    finish(readLock(t, kvm));
    // First the window in which it is in neither word nor queue; then it is the head, and in both.
    expect(seen).toEqual([
      [0xff, false],
      [0x2ff, true],
    ]);
    expect([mem[word], isContended(lock)]).toEqual([0x300, false]);
    // LCB_F_SPIN | LCB_F_READ
    const { address } = kvm.mmuLock;
    expect(t.all(Tracepoint.contentionBegin)).toEqual([[address, 3]]);
    expect(t.all(Tracepoint.contentionEnd)).toEqual([[address, 0]]);
  });

  it('a writer that only waits sends new readers into the queue, too', () => {
    const lock = lockOn();
    const { t, kvm, mem, word } = lock;
    mem[word] = 0x300;
    setHead(lock, true);
    t.onWait = (cell) => {
      // Behind the writer, which is the head of the queue.
      expect([cell, mem[word]]).toEqual([kvm.mmuLock.waitLock.head, 0x300]);
      mem[word] = 0;
      mem[kvm.mmuLock.waitLock.head]++;
    };
    finish(readLock(t, kvm));
    expect(mem[word]).toBe(0x200);
    // A pair of events for the rwlock, and one inside it for its wait_lock, at an address of its own.
    const { address, waitLock } = kvm.mmuLock;
    expect(t.all(Tracepoint.contentionBegin)).toEqual([
      [address, 3],
      [waitLock.address, 1],
    ]);
    expect(waitLock.address).not.toBe(address);
    expect(t.all(Tracepoint.contentionEnd).map(([at]) => at)).toEqual([waitLock.address, address]);
  });
});

describe('a writer that finds somebody', () => {
  it('says that it waits, and takes the lock when the word is exactly that', () => {
    const lock = lockOn();
    const { t, kvm, mem, word } = lock;
    mem[word] = 0x400;
    const seen: number[] = [];
    t.onWait = (cell) => {
      expect([cell, isContended(lock)]).toEqual([word, true]);
      seen.push(mem[word]);
      if (seen.length === 2) {
        // A trylock adds itself for a moment, just as the writer saw the word that it wanted.
        beforeAccess(t, word, 1, () => (mem[word] = 0x300));
      }
      mem[word] = 0x100;
    };
    // The exchange after the first wait fails, for the second reader has come; after the third it works.
    beforeAccess(t, word, 4, () => (mem[word] = 0x300));
    finish(writeLock(t, kvm));
    expect(seen).toEqual([0x500, 0x300, 0x300]);
    expect([mem[word], isContended(lock)]).toEqual([0xff, false]);
    // LCB_F_SPIN | LCB_F_WRITE
    expect(t.all(Tracepoint.contentionBegin)).toEqual([[kvm.mmuLock.address, 5]]);
  });

  it('takes it at once as the head of the queue when it has become free', () => {
    const { t, kvm, mem, word } = lockOn();
    mem[word] = 0x200;
    beforeAccess(t, kvm.mmuLock.waitLock.tail, 1, () => (mem[word] = 0));
    finish(writeLock(t, kvm));
    expect(mem[word]).toBe(0xff);
  });
});

describe('read_trylock()', () => {
  it('works unless a writer holds or waits', () => {
    for (const [cnts, works] of [
      [0, true],
      [0x400, true],
      [0xff, false],
      [0x300, false],
      [0x100, false],
    ] as const) {
      const lock = lockOn();
      lock.mem[lock.word] = cnts;
      expect(trylockWorks(lock)).toBe(works);
    }
  });

  it('does not queue: who spins on it is visible to nobody', () => {
    const lock = lockOn({ faultLock: 'trylock-spin' });
    const { t, kvm, mem, word } = lock;
    mem[word] = 0xff;
    t.onWait = () => {
      expect([mem[word], isContended(lock)]).toEqual([0xff, false]);
      mem[word] = 0;
    };
    finish(faultReadLock(t, kvm, true));
    expect(mem[word]).toBe(0x200);
    expect(t.all(Tracepoint.contentionBegin)).toEqual([]);
  });

  it('takes its bias back when a writer came between its two looks', () => {
    const { t, kvm, mem, word } = lockOn({ faultLock: 'trylock-spin' });
    beforeAccess(t, word, 2, () => (mem[word] = 0xff));
    t.onWait = () => {
      expect(mem[word]).toBe(0xff);
      mem[word] = 0;
    };
    finish(faultReadLock(t, kvm, true));
    expect(mem[word]).toBe(0x200);
  });
});

describe('cond_resched_rwlock_write()', () => {
  it('keeps the lock while nobody waits', () => {
    const { t, kvm, mem, word } = lockOn();
    finish(writeLock(t, kvm));
    t.onAccess = (cell) => expect(cell).not.toBe(word);
    expect(finish(condReschedRwlockWrite(t, kvm))).toBe(false);
    expect(mem[word]).toBe(0xff);
  });

  it('hands over to a head that is in the word, and comes back behind it', () => {
    const lock = lockOn();
    const { t, kvm, mem, word } = lock;
    const { head } = kvm.mmuLock.waitLock;
    finish(writeLock(t, kvm));
    setHead(lock, true);
    mem[word] |= 0x200;
    const waits: number[] = [];
    t.onWait = (cell) => {
      waits.push(cell);
      // The reader owns the lock since the unlock. It leaves the queue at once, and the lock later.
      if (cell === head) mem[head]++;
      else mem[word] -= 0x200;
    };
    expect(finish(condReschedRwlockWrite(t, kvm))).toBe(true);
    expect(waits).toEqual([head, word]);
    expect([mem[word], isContended(lock)]).toEqual([0xff, false]);
  });

  it('barges straight back in past a head that is not in the word yet', () => {
    const lock = lockOn();
    const { t, kvm, mem, word } = lock;
    finish(writeLock(t, kvm));
    setHead(lock, true);
    expect(finish(condReschedRwlockWrite(t, kvm))).toBe(true);
    expect([mem[word], isContended(lock)]).toEqual([0xff, true]);
  });

  it('yields for the scheduler as well, but not with a second lock in hand', () => {
    const { t, kvm } = lockOn();
    finish(writeLock(t, kvm));
    t.needReschedNow = true;
    expect(finish(condReschedRwlockWrite(t, kvm))).toBe(true);
    finish(t.preemptDisable());
    expect(finish(condReschedRwlockWrite(t, kvm))).toBe(false);
  });

  it('a reader yields likewise', () => {
    const lock = lockOn();
    const { t, kvm, mem, word } = lock;
    finish(readLock(t, kvm));
    expect(finish(condReschedRwlockRead(t, kvm))).toBe(false);
    setHead(lock, true);
    mem[word] |= 0x100;
    t.onWait = (cell) => {
      // The writer had to wait for this reader; now it comes and goes.
      expect([cell, mem[word]]).toEqual([kvm.mmuLock.waitLock.head, 0x100]);
      mem[word] = 0;
      mem[cell]++;
    };
    expect(finish(condReschedRwlockRead(t, kvm))).toBe(true);
    expect(mem[word]).toBe(0x200);
  });
});

describe('rwlock_needbreak()', () => {
  /** Whether the holder is asked to yield a contended lock. */
  function breaks(change: PolicyChange): boolean {
    const lock = lockOn(change);
    setHead(lock, true);
    return isContended(lock);
  }

  it('asks the preemption model that runs (since 6.11), or CONFIG_PREEMPTION, or nobody', () => {
    const gates = ['preempt-model', 'config-preemption', 'always'] as const;
    const asked = (preempt: 'none' | 'voluntary' | 'full' | 'lazy', preemptDynamic: 'dynamic' | 'static') =>
      gates.map((needBreakGate) => breaks({ needBreakGate, preempt, preemptDynamic }));
    expect(asked('voluntary', 'dynamic')).toEqual([false, true, true]);
    expect(asked('none', 'dynamic')).toEqual([false, true, true]);
    expect(asked('voluntary', 'static')).toEqual([false, false, true]);
    expect(asked('full', 'static')).toEqual([true, true, true]);
    expect(asked('lazy', 'dynamic')).toEqual([true, true, true]);
  });

  it('is never true on PREEMPT_RT, nor with the policy never', () => {
    expect(breaks({ needBreak: 'never', needBreakGate: 'always' })).toBe(false);
    expect(breaks({ preempt: 'rt', lock: 'rt', needBreakGate: 'always' })).toBe(false);
  });

  it('readers-waiting: only for a head that is a reader, and so in the word', () => {
    const lock = lockOn({ needBreak: 'readers-waiting' });
    setHead(lock, true);
    lock.mem[lock.word] = 0x1ff;
    expect(isContended(lock)).toBe(false);
    lock.mem[lock.word] = 0x2ff;
    expect(isContended(lock)).toBe(true);
  });

  it('waiter-useful: only while a fault outside of every range waits', () => {
    const lock = lockOn({ needBreak: 'waiter-useful' });
    const { t, kvm, mem, word } = lock;
    for (const useful of [true, false]) {
      mem[word] = 0xff;
      t.onWait = () => {
        expect(isContended(lock)).toBe(useful);
        mem[word] = 0x200;
      };
      finish(faultReadLock(t, kvm, useful));
      expect(mem[kvm.usefulWaiters]).toBe(0);
      finish(readUnlock(t, kvm));
    }
  });
});

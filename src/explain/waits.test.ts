import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { traceFromText } from '../../test/support/trace-from-text.js';
import { explain } from './explain.js';
import { waitKindOf } from './summarise-locks.js';

const locksOf = (text: string) => explain(traceFromText(text));

describe('lock waits', () => {
  it('pair by task and lock, nested waits too, and keep ways of waiting apart', () => {
    const { locks, lockPairing } = locksOf(`
      us  | a:1                      | b:2
      10  | begin M write            | begin M read
      20  | begin Q spin             |
      25  | got Q                    | got M
      110 | got M                    |`);
    expect(lockPairing).toMatchObject({
      locks: 2,
      waits: 3,
      unmatchedBegins: 0,
      unmatchedEnds: 0,
      openAtEnd: 0,
    });
    expect(locks[0]).toMatchObject({
      address: 'ff6e88d800e81000',
      waits: 2,
      totalNs: 115_000,
      maxNs: 100_000,
      mostWaiters: 2,
    });
    expect(locks[0].byKind.map(({ kind, totalNs }) => [kind, totalNs])).toEqual([
      ['spin-write', 100_000],
      ['spin-read', 15_000],
    ]);
    expect(locks[0].contendedNs).toBe(100_000);
    expect(locks[1]).toMatchObject({ waits: 1, totalNs: 5_000 });
  });

  it('count begins without end, ends without begin, and waits open at the end', () => {
    const { locks, lockPairing } = locksOf(`
      us  | a:1             | b:2
      10  | got M           | begin M read
      20  | begin M write   |
      30  | begin M write   | begin M read
      40  | got M           |`);
    expect(lockPairing).toMatchObject({ waits: 1, unmatchedBegins: 2, unmatchedEnds: 1, openAtEnd: 1 });
    // Never from the begin whose end was lost: that would make an impossible wait.
    expect(locks[0]).toMatchObject({
      waits: 1,
      maxNs: 10_000,
      unmatchedBegins: 2,
      unmatchedEnds: 1,
      openAtEnd: 1,
    });
  });

  it('drop inner waits whose end was lost when the outer one ends', () => {
    const { lockPairing } = locksOf(`
      us | a:1
      10 | begin M write; begin Q spin
      20 | got M
      30 | got Q`);
    expect(lockPairing).toMatchObject({ waits: 1, unmatchedBegins: 1, unmatchedEnds: 1 });
  });

  it('take the second begin of a mutex as part of the same wait', () => {
    const { locks, lockPairing } = locksOf(`
      us | a:1
      10 | begin X mutex-spin
      20 | begin X mutex
      50 | got X`);
    expect(lockPairing).toMatchObject({ waits: 1, mutexRestarts: 1, unmatchedBegins: 0 });
    expect(locks[0]).toMatchObject({ totalNs: 40_000 });
    expect(locks[0].byKind[0].kind).toBe('mutex');
  });

  it('keep the idle tasks of two CPUs apart', () => {
    const { lockPairing, locks } = locksOf(`
      us | swapper/0:0 @0 | swapper/1:0 @1
      10 | begin M read   |
      20 |                | begin M read
      30 | got M          |
      40 |                | got M`);
    expect(lockPairing).toMatchObject({ waits: 2, unmatchedBegins: 0, unmatchedEnds: 0 });
    expect(locks[0].totalNs).toBe(40_000);
  });

  it('name every way of waiting from the flags of the kernel', () => {
    const names = [3, 5, 1, 32, 33, 2, 4, 18, 20, 8, 10, 12, 0].map(waitKindOf).join(' ');
    expect(names).toBe(
      'spin-read spin-write spin mutex mutex rwsem-read rwsem-write percpu-read percpu-write ' +
        'rt rt-read rt-write other',
    );
  });

  it('add up stamps rounded to the microsecond, and exact ones beside them', () => {
    const { locks } = locksOf(`
      us     | a:1
      10.4   | begin M read
      20.6   | got M
      30.5   | begin M read
      31.499 | got M`);
    expect(locks[0]).toMatchObject({
      totalNs: 11_000,
      maxNs: 11_000,
      exactTotalNs: 11_199,
      exactMaxNs: 10_200,
    });
  });

  it('lose no begin and no end, whatever the order', () => {
    const step = fc.tuple(fc.constantFrom('begin', 'got'), fc.constantFrom('M', 'N', 'Q'), fc.nat(2));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const lines = steps.map(([what, lock, thread], at) => {
          const cells = ['', '', ''];
          cells[thread] = what === 'begin' ? `begin ${lock} write` : `got ${lock}`;
          return `${at} | ${cells.join(' | ')}`;
        });
        const { lockPairing: pairing, locks } = locksOf(['us | a:1 | b:2 | c:3', ...lines].join('\n'));
        const begins = steps.filter(([what]) => what === 'begin').length;
        expect(pairing.waits + pairing.unmatchedBegins + pairing.openAtEnd).toBe(begins);
        expect(pairing.waits + pairing.unmatchedEnds).toBe(steps.length - begins);
        expect(locks.reduce((sum, lock) => sum + lock.waits, 0)).toBe(pairing.waits);
        for (const lock of locks) expect(lock.contendedNs).toBeGreaterThanOrEqual(lock.exactMaxNs);
      }),
    );
  });
});

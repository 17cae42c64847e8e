import { describe, expect, it } from 'vitest';
import { traceFromText } from '../../test/support/trace-from-text.js';
import { explain } from './explain.js';

/** Invalidations that fix the distance between hva pages and frames at 0x1000, then the lines of the test. */
function causesIn(lines: string, isMapped = true) {
  const zap = (gfn: number) => (isMapped ? `; zap ${gfn}` : '');
  return explain(
    traceFromText(`
      us | ksmd:57                       | qemu:10            | host:7
      1  | unmap 1001+1${zap(1)}; merge  | fault 90; map 90; entry |
      2  | unmap 1002+1${zap(2)}; merge  |                    |
      3  | unmap 1003+1${zap(3)}; merge  |                    |
      ${lines}`),
  );
}

const causeOf = (lines: string, isMapped = true) => {
  return causesIn(lines, isMapped).fault.retryCauses.map(({ cause, count, likely }) => [
    cause,
    count,
    likely,
  ]);
};

describe('causes of retries', () => {
  it('blame an invalidation under way over the very page; sure only before its last sign of life', () => {
    const lines = `
      10 | unmap 1005+1   |                |
      11 |                | fault 5; entry |
      12 | flush          |                |
      13 |                | fault 5; entry |
      19 | merge          |                |
      20 |                | fault 5; map 5; entry |`;
    expect(causeOf(lines)).toEqual([['invalidation-in-flight', 2, 1]]);
    const { fault, invalidations } = causesIn(lines);
    expect(fault.retriesByAgent).toEqual([{ agent: 'ksm', count: 2 }]);
    expect(invalidations.top[0]).toMatchObject({ agent: 'ksm', retries: 2, gfn: [5, 6] });
  });

  it('blame the hull of two invalidations for a page between them', () => {
    expect(
      causeOf(`
      10 | unmap 1005+1   |                  |
      11 |                |                  | unmap 1020+1
      12 |                | fault 10; entry  |
      13 |                | fault 50; entry  |
      19 | merge          |                  | sleep`),
    ).toEqual([
      ['invalidation-hull', 1, 1],
      ['sequence-bump', 1, 1],
    ]);
  });

  it('remember that the hull shrinks only when nothing is under way any more', () => {
    const grown = `
      10 | unmap 1005+1   |                  |
      11 |                |                  | unmap 1020+1
      12 | merge          |                  |
      13 |                | fault 10; entry  |`;
    // The first has ended, but its pages stay in the range until the second ends too.
    expect(
      causeOf(`${grown}
      19 |                |                  | sleep`),
    ).toEqual([['invalidation-hull', 1, 1]]);
    expect(
      causeOf(`
      10 | unmap 1005+1   |                  |
      12 | merge          |                  |
      13 |                |                  | unmap 1020+1
      14 |                | fault 10; entry  |
      19 |                |                  | sleep`),
    ).toEqual([['sequence-bump', 1, 1]]);
  });

  it('do not blame ranges that are no guest memory', () => {
    expect(
      causeOf(`
      10 |                |                  | unmap 7ffff000+8
      13 |                | fault 10; entry  |
      19 |                |                  | sleep`),
    ).toEqual([['unknown', 1, 0]]);
  });

  it('call it a bump where the trace does not tell which frames a range holds', () => {
    expect(
      causeOf(
        `
      10 | unmap 1005+1   |                |
      11 |                | fault 5; entry |
      19 | merge          |                |`,
        false,
      ),
    ).toEqual([['sequence-bump', 1, 1]]);
  });

  it('mention the lock where a fault waited for it and nothing else is in sight', () => {
    expect(
      causeOf(`
      10 |                | fault 5; begin M read |
      11 |                | got M; entry          |
      30 |                | fault 6; entry        |`),
    ).toEqual([
      ['waited-for-lock', 1, 0],
      ['unknown', 1, 0],
    ]);
  });
});

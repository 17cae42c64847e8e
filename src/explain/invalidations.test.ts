import { describe, expect, it } from 'vitest';
import { traceFromText } from '../../test/support/trace-from-text.js';
import { explain } from './explain.js';

const of = (text: string) => explain(traceFromText(text));

describe('invalidations', () => {
  it('end between the last event that belongs to them and the first that cannot', () => {
    const { invalidations } = of(`
      us | ksmd:57
      10 | unmap 1005+1
      12 | zap 5
      15 | flush
      40 | merge
      90 | flush`);
    expect(invalidations).toMatchObject({
      count: 1,
      pages: 1,
      leaves: 1,
      withLeaves: 1,
      hostFlushes: 1,
      endsInferred: true,
    });
    expect(invalidations.top[0]).toMatchObject({
      start: 10_000,
      endAtLeast: 15_000,
      endAtMost: 40_000,
      inferredEnd: true,
    });
  });

  it('leave entries that others zap, and that the task zaps later, out', () => {
    const { invalidations } = of(`
      us | ksmd:57         | qemu:10
      10 | unmap 1005+2    |
      12 | zap 5           | zap 9
      14 | merge           |
      16 | zap 6           |`);
    expect(invalidations).toMatchObject({ leaves: 1 });
  });

  it.each(['sleep', 'begin M read', 'map 5', 'entry', 'unmap 2000+1'])('close at: %s', (after) => {
    const { invalidations } = of(`
      us | qemu:10
      10 | unmap 1005+1
      20 | ${after}
      30 | flush`);
    const row = invalidations.top.find(({ start }) => start === 10_000);
    expect(row).toMatchObject({ endAtLeast: 10_000, endAtMost: 20_000, hostFlushes: 0 });
  });

  it('keep an outer range open while a part of it is invalidated on its own', () => {
    const { invalidations } = of(`
      us | qemu:10
      10 | unmap 1000+1024
      20 | unmap 1000+512
      30 | zap 0
      50 | sleep`);
    expect(invalidations.top.map(({ start, endAtMost }) => [start, endAtMost])).toEqual([
      [10_000, 50_000],
      [20_000, 50_000],
    ]);
  });

  it('take a recorded end as it is', () => {
    const { invalidations } = of(`
      us | host:7
      10 | unmap 1005+1
      20 | zap 5
      30 | end 1005+1
      90 | sleep`);
    expect(invalidations.endsInferred).toBe(false);
    expect(invalidations.top[0]).toMatchObject({ endAtLeast: 30_000, endAtMost: 30_000, inferredEnd: false });
  });

  it('count a yield where the lock changes hands between two leaves, and a flush for each', () => {
    const { invalidations } = of(`
      us | madv:7                  | qemu:10
      10 | unmap 1000+4; zap 0     | fault 1
      11 |                         | begin M read
      12 |                         | got M
      13 | begin M write           | entry
      14 | got M; zap 1            | fault 9; begin M read
      15 | zap 2                   |
      16 |                         | got M; map 9; entry
      17 | zap 3                   |
      18 | begin M write           |
      19 | got M                   |
      20 | sleep                   |`);
    // The wait after the last leaf is that of the end, not a yield.
    expect(invalidations).toMatchObject({
      yields: 2,
      yieldSource: 'inferred',
      guestFlushes: 3,
      guestFlushSource: 'inferred',
    });
    expect(invalidations.handovers).toEqual({ useful: 1, useless: 1, other: 0 });
    expect(invalidations.top[0]).toMatchObject({ heldAtLeastNs: 1_000, endAtLeast: 19_000 });
  });

  it('count recorded yields exactly, and infer none beside them', () => {
    const { invalidations } = of(`
      us | madv:7                  | qemu:10
      9  | yield                   | fault 2
      10 | unmap 1000+4; zap 0     | begin M read
      12 | yield; yield            | got M; entry
      14 | zap 1; zap 2            |
      20 | sleep                   |`);
    expect(invalidations).toMatchObject({ yields: 3, yieldSource: 'exact' });
    expect(invalidations.top[0].yields).toBe(2);
  });

  it('learn where guest memory lies from ranges zapped from edge to edge', () => {
    const text = `
      us | ksmd:57
      10 | unmap 1005+1; zap 5
      20 | merge; unmap 1009+1; zap 9
      30 | merge; unmap 1000+64; zap 3
      40 | merge; unmap 100c+1; zap c`;
    const { mapping, invalidations } = of(text);
    expect(mapping).toMatchObject({
      known: true,
      slots: [{ offsetPages: 0x1000, votes: 4, exactVotes: 3, confidence: 'high' }],
    });
    expect(invalidations.top.find(({ pages }) => pages === 64)?.gfn).toEqual([3, 13]);
    expect(of(text.replaceAll(/; zap \w+/g, '')).mapping.known).toBe(false);
  });

  it('find a second memslot', () => {
    const line = (at: number, page: number, gfn: number) =>
      `${at} | unmap ${page.toString(16)}+1; zap ${gfn.toString(16)}; sleep`;
    const lines = [1, 2, 3, 4].flatMap((n) => [
      line(20 * n, 0x1000 + n, n),
      line(20 * n + 10, 0x9000 + n, 0x100000 + n),
    ]);
    const { mapping } = of(['us | madv:7', ...lines].join('\n'));
    expect(mapping.slots.map(({ offsetPages }) => offsetPages)).toEqual([0x1000, 0x9000 - 0x100000]);
  });
});

import { describe, expect, it } from 'vitest';
import { traceFromText } from '../../test/support/trace-from-text.js';
import { analyse } from './analysis.js';
import { buildTimeline } from './timeline.js';

const TEXT = `
  us | qemu:10 #1            | qemu:11 #0        | ksmd:57
  1  |                       | entry             | unmap 1001+1; zap 1; merge
  2  |                       |                   | unmap 1002+1; zap 2; merge
  3  |                       |                   | unmap 1003+1; zap 3; merge
  10 |                       |                   | unmap 1005+1; begin M write
  12 | fault 5; begin M read |                   | got M; zap 5
  14 | entry                 |                   |
  15 | fault 5; entry        |                   | flush
  16 | got M                 |                   |
  20 | fault 5; map 5; entry | unmap 2000+9      | merge
  30 |                       | sleep             |`;

describe('the timeline', () => {
  const { tracks, slices, flows, dropped } = buildTimeline(analyse(traceFromText(TEXT)));
  const named = (name: string) => slices.filter((slice) => slice.name === name);

  it('has a track per vCPU in order, one for the lock, and one per invalidating task', () => {
    expect(tracks.map(({ name, kind, parent }) => [name, kind, parent])).toEqual([
      ['vCPU 0 (qemu 11)', 'vcpu', undefined],
      ['vCPU 1 (qemu 10)', 'vcpu', undefined],
      ['mmu_lock ff6e88d800e81000', 'lock', undefined],
      ['waits of ksmd 57', 'lock', 2],
      ['waits of qemu 10', 'lock', 2],
      ['ksmd 57', 'invalidator', undefined],
      ['invalidations of qemu 11', 'invalidator', 0],
    ]);
    expect(dropped).toBe(0);
  });

  it('has a slice per episode, wait and invalidation, where they were', () => {
    expect(named('gfn 0x5: 3 faults')).toMatchObject([
      {
        track: 1,
        start: 12_000,
        end: 20_000,
        category: 'fault',
        details: { attempts: 3, retried: 2, agents: 'KSM' },
      },
    ]);
    expect(named('wait to write')).toMatchObject([
      { track: 3, start: 10_000, end: 12_000, category: 'wait' },
    ]);
    const last = named('KSM: 1 page').at(-1);
    expect(last).toMatchObject({
      start: 10_000,
      end: 15_000,
      inferred: true,
      details: { leaves: 1, gfn: '0x5-0x6' },
    });
    slices.forEach((slice, index) => {
      expect(slice.id).toBe(index);
      expect(slice.end).toBeGreaterThanOrEqual(slice.start);
      expect(tracks[slice.track].id).toBe(slice.track);
    });
  });

  it('leads from the waiting slice to what it waited for', () => {
    const [episode] = named('gfn 0x5: 3 faults');
    const [wait] = named('wait to read');
    const invalidation = named('KSM: 1 page').at(-1);
    expect(flows).toContainEqual({ from: episode.id, to: invalidation?.id, name: 'retried because of' });
    expect(flows).toContainEqual({ from: wait.id, to: invalidation?.id, name: 'waited for the zapper' });
  });

  it('keeps the eventful and the long when it may not keep all, and counts the rest', () => {
    const small = buildTimeline(analyse(traceFromText(TEXT)), { maxSlices: 6 });
    expect(small.slices.length).toBeLessThanOrEqual(6);
    expect(small.dropped).toBeGreaterThan(0);
    expect(small.slices.some(({ name }) => name === 'gfn 0x5: 3 faults')).toBe(true);
  });
});

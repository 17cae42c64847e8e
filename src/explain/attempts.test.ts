import { describe, expect, it } from 'vitest';
import { traceFromText } from '../../test/support/trace-from-text.js';
import { explain } from './explain.js';

function faultsOf(text: string, kernel?: string) {
  return explain(traceFromText(text, kernel === undefined ? {} : { kernel })).fault;
}

describe('fault attempts', () => {
  it('count a fault by what its thread does before it enters the guest', () => {
    const fault = faultsOf(`
      us | qemu:10 #0                | qemu:11 #1
      10 | fault 5; map 5; entry     |
      20 | fault 6                   | map 6
      30 | entry                     |
      40 | fault 6; map 6; entry     | fault 40000; mmio 40000; entry
      50 |                           | fault 40001; request 40001; mmio 40001; entry`);
    expect(fault).toMatchObject({
      source: 'kvm_page_fault',
      attempts: 5,
      mapped: 3,
      emulated: 2,
      retried: 0,
    });
    // The MMIO entry that was installed is both mapped and emulated: the definition of retried subtracts it
    // twice.
    expect(fault).toMatchObject({ mappedAndEmulated: 1, unfinished: 0 });
    expect(fault.outcomes).toEqual({
      mapped: 2,
      fast: 0,
      spurious: 0,
      emulated: 2,
      retried: 1,
      unfinished: 0,
    });
  });

  it('count an attempt that the trace cuts off as unfinished, and in retried', () => {
    const fault = faultsOf(`
      us | qemu:10
      10 | fault 5; entry
      20 | fault 5`);
    expect(fault).toMatchObject({ attempts: 2, retried: 2, unfinished: 1, episodes: 1, longestEpisode: 2 });
    expect(fault.outcomes).toMatchObject({ retried: 1, unfinished: 1 });
    expect(fault.latency.count).toBe(1);
  });

  it('make an episode of consecutive attempts of one thread on one page, whatever other threads do', () => {
    const fault = faultsOf(`
      us | qemu:10           | qemu:11
      10 | fault 5; entry    | fault 7; entry
      20 | fault 5; entry    | fault 5; entry
      30 | fault 6; entry    | fault 5; entry
      40 | fault 5; entry    | fault 5; map 5; entry`);
    expect(fault).toMatchObject({ episodes: 5, longestEpisode: 3, episodesWithRetry: 2 });
    expect(fault.episodeLengths).toEqual({ upTo: [1, 2, 4], counts: [3, 1, 1] });
    const [longest] = fault.topEpisodes;
    expect(longest).toMatchObject({
      tid: 11,
      page: 5,
      attempts: 3,
      retried: 2,
      outcome: 'mapped',
      durationNs: 20_000,
    });
  });

  it('read RET_PF codes of fast_page_fault as the kernel of the trace numbers them', () => {
    const text = `
      us | qemu:10
      10 | fault 5; fast 4; entry
      20 | fault 6; fast 5; entry
      30 | fault 7; fast 6; entry`;
    expect(faultsOf(text, '5.10.0-30-amd64').outcomes).toMatchObject({ fast: 0, spurious: 1, retried: 2 });
    expect(faultsOf(text, '6.1.0-40-amd64').outcomes).toMatchObject({ fast: 1, spurious: 1, retried: 1 });
    expect(faultsOf(text, '6.12.1').outcomes).toMatchObject({ fast: 1, spurious: 1, retried: 1 });
    expect(faultsOf(text, '6.12.1').fastInRetried).toBe(2);
  });

  it('tell a lost race from a spurious fault by whether somebody changed the entry after the request', () => {
    const lost = faultsOf(`
      us | qemu:10                 | qemu:11
      1  |                         | fault 9; map 9; entry
      10 | fault 5; request 5      |
      11 |                         | fault 5; map 5; entry
      12 | entry                   |`);
    expect(lost.outcomes).toMatchObject({ mapped: 2, retried: 1, spurious: 0 });
    expect(lost.retryCauses).toEqual([{ cause: 'lost-race', count: 1, likely: 0 }]);
    const spurious = faultsOf(`
      us | qemu:10                    | qemu:11
      10 |                            | fault 5; map 5; entry
      12 | fault 5; request 5; entry  |`);
    expect(spurious.outcomes).toMatchObject({ mapped: 1, retried: 0, spurious: 1 });
  });

  it('read attempts from the walks of shadow-only hosts, and leave out walks that are no faults', () => {
    const fault = faultsOf(`
      us | node:10
      10 | walk 5; request 5; set 5
      20 | walk 6
      30 | walk 6; request 6; set 6
      40 | walk 7; walk-error
      50 | walk 8; emulate
      60 | walk 9; request 9; set 9`);
    expect(fault).toMatchObject({ source: 'kvmmmu', attempts: 4, mapped: 3, retried: 1, episodes: 3 });
    expect(fault.topEpisodes[0]).toMatchObject({ page: 6, gfn: 6, attempts: 2 });
    expect(fault.latency.count).toBe(3);
  });

  it('do without kvm_entry: the next fault ends the attempt, and latencies to the entry are unknown', () => {
    const fault = faultsOf(`
      us | qemu:10
      10 | fault 5
      20 | fault 5; map 5
      30 | fault 6; map 6`);
    expect(fault).toMatchObject({ attempts: 3, mapped: 2, retried: 1, longestEpisode: 2 });
    expect(fault.latency.count).toBe(0);
    expect(fault.mapLatency.count).toBe(2);
  });
});

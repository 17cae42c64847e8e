/**
 * Goal: whatever order of events a trace holds, `explain` neither throws nor contradicts itself.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { traceFromText } from '../../test/support/trace-from-text.js';
import { findEvent } from '../trace/events/index.js';
import { TraceBuilder } from '../trace/store/builder.js';
import { analyse } from './analysis.js';
import { explain, summarise } from './explain.js';
import { buildTimeline } from './timeline.js';

const page = fc.constantFrom('1', '2', '5', '1000');
const command = fc.oneof(
  page.map((gfn) => `fault ${gfn}`),
  page.map((gfn) => `request ${gfn}`),
  page.map((gfn) => `map ${gfn}`),
  page.map((gfn) => `zap ${gfn}`),
  page.map((gfn) => `mmio ${gfn}`),
  fc.constantFrom(
    'entry',
    'exit',
    'walk 3',
    'walk-error',
    'emulate',
    'fast 4',
    'fast 5',
    'sleep',
    'merge',
    'flush',
  ),
  fc.constantFrom('yield', 'migrate 5', 'age 5', 'end 1000+1'),
  fc.tuple(page, fc.nat(600)).map(([start, pages]) => `unmap ${start}+${pages}`),
  fc
    .tuple(fc.constantFrom('begin', 'got'), fc.constantFrom('M', 'N', 'Q', 'X'))
    .chain(([what, lock]) =>
      fc
        .constantFrom('read', 'write', 'spin', 'mutex')
        .map((way) => `${what} ${lock} ${what === 'begin' ? way : ''}`),
    ),
);
const line = fc.tuple(fc.nat(3), fc.nat(400), fc.array(command, { minLength: 1, maxLength: 3 }));
const script = fc.array(line, { maxLength: 60 }).map((lines) => {
  const body = lines.map(
    ([thread, time, commands]) => `${time} |${' |'.repeat(thread)} ${commands.join('; ')}`,
  );
  return ['us | qemu:10 #0 | qemu:11 #1 | ksmd:57 | host:0', ...body].join('\n');
});

it('explains any order of events without contradiction', () => {
  fc.assert(
    fc.property(script, fc.constantFrom(undefined, '6.1.0', '6.12.1', '7.2.0'), (text, kernel) => {
      const trace = traceFromText(text, kernel === undefined ? {} : { kernel });
      const explanation = explain(trace);
      const { fault, invalidations, lockPairing, byEvent } = explanation;
      const total = (counts: Iterable<number>) => [...counts].reduce((sum, count) => sum + count, 0);
      expect(total(Object.values(byEvent))).toBe(trace.length);
      expect(total(Object.values(fault.outcomes))).toBe(fault.attempts);
      expect(fault.retried).toBe(fault.attempts - fault.mapped - fault.emulated);
      expect(total(fault.retryCauses.map(({ count }) => count))).toBe(fault.outcomes.retried);
      expect(total(fault.episodeLengths.counts)).toBe(fault.episodes);
      expect(total(explanation.vcpus.map(({ attempts }) => attempts))).toBe(fault.attempts);
      expect(total(invalidations.byAgent.map(({ count }) => count))).toBe(invalidations.count);
      expect(
        lockPairing.waits + lockPairing.unmatchedBegins + lockPairing.openAtEnd + lockPairing.mutexRestarts,
      ).toBe(byEvent['contention_begin'] ?? 0);
      for (const row of invalidations.top) expect(row.endAtMost).toBeGreaterThanOrEqual(row.endAtLeast);
      expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
      expect(explanation.verdict.length).toBeGreaterThan(0);
    }),
    { numRuns: 150 },
  );
});

it('draws any order of events', () => {
  fc.assert(
    fc.property(script, fc.integer({ min: 3, max: 50 }), (text, maxSlices) => {
      const analysis = analyse(traceFromText(text));
      const { tracks, slices, flows } = buildTimeline(analysis, { maxSlices });
      expect(summarise(analysis)).toEqual(summarise(analysis));
      slices.forEach((slice, index) => {
        expect(slice.id).toBe(index);
        expect(slice.track).toBeLessThan(tracks.length);
        expect(slice.end).toBeGreaterThanOrEqual(slice.start);
      });
      for (const { from, to } of flows) expect(Math.max(from, to)).toBeLessThan(slices.length);
    }),
    { numRuns: 80 },
  );
});

it('is not misled by a probe that bears the name of a tracepoint', () => {
  const builder = new TraceBuilder();
  const fault = findEvent('kvm_page_fault');
  if (!fault) throw new Error('the event table lacks kvm_page_fault');
  const kinds = [fault, { ...fault, system: 'kprobes', fields: [] }].map((def) => builder.kind(def, true));
  for (const [time, kind] of [0, 1, 1, 0].entries()) {
    builder.begin(1000 * time, kinds[kind], 0, builder.task(10, 'qemu'), 0);
    kinds[kind].column('fault_address')?.setBig(kinds[kind].row, 0x5000n);
  }
  const explanation = explain(builder.finish());
  expect(explanation.byEvent).toEqual({ 'kvm:kvm_page_fault': 2, 'kprobes:kvm_page_fault': 2 });
  expect(explanation.fault).toMatchObject({ attempts: 2, episodes: 1 });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventDef } from '../events/types.js';
import { TraceBuilder } from './builder.js';
import { BLOCK } from './pack.js';

const pair: EventDef = {
  system: 'test',
  name: 'pair',
  fields: [
    { name: 'address', type: 'u64', ctype: 'u64' },
    { name: 'delta', type: 's64', ctype: 's64' },
    { name: 'small', type: 's32', ctype: 'int' },
    { name: 'comm', type: 'string', ctype: 'char[16]' },
  ],
  print: [],
  since: 'v5.10',
  meaning: 'a test event',
};

function build(events: { time: number; cpu: number; address: bigint; delta: bigint; small: number }[]) {
  const builder = new TraceBuilder();
  const kind = builder.kind(pair, true);
  for (const event of events) {
    expect(builder.begin(event.time, kind, event.cpu, builder.task(event.cpu + 1, 'vcpu'), 0)).toBe(true);
    const row = kind.row;
    kind.columns[0].setBig(row, event.address);
    kind.columns[1].setBig(row, event.delta);
    kind.columns[2].setNumber(row, event.small);
    kind.columns[3].low[row] = builder.strings.intern(`t${event.time}`);
  }
  return builder.finish();
}

describe('the columnar store', () => {
  it('gives back every value, sorted by time, whatever the order and width of the input', () => {
    const event = fc.record({
      time: fc.nat(1000),
      cpu: fc.nat(5),
      address: fc.bigInt(0n, 2n ** 64n - 1n),
      delta: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      small: fc.integer(),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const trace = build(events);
        const sorted = events.map((e, at) => ({ ...e, at })).sort((a, b) => a.time - b.time || a.at - b.at);
        expect(trace.length).toBe(events.length);
        sorted.forEach((expected, index) => {
          const table = trace.kindOf(index);
          const row = trace.row[index];
          expect(table.events[row]).toBe(index);
          expect(trace.timeOf(index)).toBe(expected.time);
          expect(trace.cpuOf(index)).toBe(expected.cpu);
          expect(table.column('address')?.big(row)).toBe(expected.address);
          expect(table.column('delta')?.big(row)).toBe(expected.delta);
          expect(table.column('small')?.number(row)).toBe(expected.small);
          expect(table.column('comm')?.text(row)).toBe(`t${expected.time}`);
        });
        for (let cpu = 0; cpu <= 5; cpu++) {
          expect([...trace.byCpu(cpu)]).toEqual(sorted.flatMap((e, i) => (e.cpu === cpu ? [i] : [])));
          expect([...trace.byTask(cpu + 1)]).toEqual([...trace.byCpu(cpu)]);
        }
      }),
    );
  });

  it('marks fields that a row lacks, through sorting', () => {
    const builder = new TraceBuilder();
    const kind = builder.kind({ ...pair, fields: [] }, false);
    const task = builder.task(1, 'a');
    builder.begin(30, kind, 0, task, 0);
    const late = kind.addColumn({ name: 'late', type: 'u32', ctype: 'u32' });
    builder.begin(10, kind, 0, task, 0);
    late.setNumber(1, 7);
    const trace = builder.finish();
    const column = trace.kinds[0].column('late');
    expect([0, 1].map((row) => [column?.has(row), column?.number(row)])).toEqual([
      [true, 7],
      [false, 0],
    ]);
  });

  it('keeps values and absent marks across blocks, and through sorting', () => {
    for (const backwards of [false, true]) {
      const builder = new TraceBuilder();
      const kind = builder.kind({ ...pair, fields: pair.fields.slice(0, 1) }, false);
      const task = builder.task(1, 'a');
      const late = new Map<number, number>();
      const rows = 2 * BLOCK + 10;
      for (let i = 0; i < rows; i++) {
        builder.begin(backwards ? rows - i : i, kind, i % 300, task, 0);
        if ([0, 1, BLOCK - 1, BLOCK, 2 * BLOCK - 1].includes(i)) {
          late.set(i, kind.columns.length);
          kind.addColumn({ name: `late${i}`, type: 's32', ctype: 'int' });
        }
        kind.columns[0].setBig(kind.row, 0xffff_8000_0000_0000n + BigInt(i) * 77n);
        for (const [since, column] of late) {
          if (i === since) kind.columns[column].setPresent(kind.row);
          kind.columns[column].setNumber(kind.row, since - i);
        }
      }
      const trace = builder.finish();
      expect(trace.length).toBe(rows);
      const wrong: number[] = [];
      for (let event = 0; event < rows; event++) {
        const i = backwards ? rows - 1 - event : event;
        const row = trace.row[event];
        const { columns } = trace.kinds[0];
        const address = 0xffff_8000_0000_0000n + BigInt(i) * 77n;
        if (trace.cpu[event] !== i % 300 || columns[0].big(row) !== address) wrong.push(i);
        for (const [since, at] of late) {
          const [has, value] = [columns[at].has(row), columns[at].number(row)];
          if (has !== i >= since || value !== (i >= since ? since - i : 0)) wrong.push(i);
        }
      }
      expect(wrong).toEqual([]);
    }
  });

  it('keeps only what the filter wants and counts the rest', () => {
    const builder = new TraceBuilder({
      filter: { from: 10, to: 20, relative: true, tasks: [5], events: ['te*:pair'] },
    });
    const kind = builder.kind(pair, true);
    const other = builder.kind({ ...pair, name: 'other' }, true);
    for (const time of [100, 110, 115, 121]) {
      builder.begin(time, kind, 0, builder.task(5, 'x'), 0);
      builder.begin(time, kind, 0, builder.task(6, 'x'), 0);
      builder.begin(time, other, 0, builder.task(5, 'x'), 0);
    }
    const trace = builder.finish();
    expect([...trace.time]).toEqual([110, 115]);
    expect(trace.diagnostics.filtered).toBe(10);
  });

  it('refuses to grow beyond its limit', () => {
    const builder = new TraceBuilder({ maxEvents: 2 });
    const kind = builder.kind(pair, true);
    const add = () => builder.begin(1, kind, 0, builder.task(1, 'x'), 0);
    add();
    add();
    expect(add).toThrow(/more than 2 events: narrow/);
  });

  it('finds the first event at a time', () => {
    const trace = build([5, 10, 10, 20].map((time) => ({ time, cpu: 0, address: 0n, delta: 0n, small: 0 })));
    expect([0, 5, 6, 10, 11, 21].map((time) => trace.firstAt(time))).toEqual([0, 0, 1, 1, 3, 4]);
  });
});

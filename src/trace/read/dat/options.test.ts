import { describe, expect, it } from 'vitest';
import { DatOptions, Option } from './options.js';

const text = (value: string) => new TextEncoder().encode(`${value}\0`);

/** Little-endian numbers one after the other: [bits, value] each. */
function packed(...numbers: [32 | 64, bigint][]): Uint8Array {
  const bytes = new Uint8Array(numbers.reduce((sum, [bits]) => sum + bits / 8, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [bits, value] of numbers) {
    if (bits === 32) view.setUint32(at, Number(value), true);
    else view.setBigInt64(at, value, true);
    at += bits / 8;
  }
  return bytes;
}

function converted(options: [number, Uint8Array][], clock: bigint, cpu = 0): bigint | undefined {
  const all = new DatOptions();
  for (const [id, data] of options) all.add(id, data);
  return all.conversion?.(clock, cpu);
}

describe('the clock of a trace.dat', () => {
  it('is taken as it is when no option changes it', () => {
    expect(converted([[Option.TraceClock, text('[local] global')]], 5n)).toBeUndefined();
  });

  it('counts cycles: TSC2NSEC multiplies and shifts, all 64 bits kept', () => {
    const option = packed([32, 3n], [32, 1n], [64, 0n]);
    const clock = 2n ** 62n + 1n;
    expect(converted([[Option.TscToNs, option]], clock)).toBe((clock * 3n) >> 1n);
  });

  it('adds the user offset (ns, hex or decimal) and the date (us)', () => {
    expect(converted([[Option.Offset, text('-40')]], 100n)).toBe(60n);
    expect(converted([[Option.Date, text('0x10')]], 100n)).toBe(16_100n);
  });

  it('moves a guest to its host by the offset measured before the event, or between two', () => {
    const samples = (flags: bigint) =>
      packed(
        [64, 1n],
        [32, flags],
        [32, 1n],
        [32, 2n],
        ...[100n, 200n, 1000n, 3000n, 1n, 1n, 0n, 0n].map((value): [64, bigint] => [64, value]),
      );
    const at = (flags: bigint, clock: bigint) => converted([[Option.TimeShift, samples(flags)]], clock);
    expect([at(0n, 150n), at(0n, 250n), at(0n, 50n)]).toEqual([1150n, 1250n, 1050n]);
    expect([at(1n, 100n), at(1n, 150n), at(1n, 200n)]).toEqual([1100n, 2150n, 3200n]);
  });

  it('ignores a time shift that is cut off', () => {
    expect(
      converted([[Option.TimeShift, packed([64, 1n], [32, 0n], [32, 1n], [32, 9n])]], 5n),
    ).toBeUndefined();
  });
});

describe('other options', () => {
  it('tell kernel, clock, CPUs and what the ring buffer dropped', () => {
    const options = new DatOptions();
    options.add(Option.Uname, text('Linux host 6.12.107+deb13-amd64 x86_64'));
    options.add(Option.TraceClock, text('local [mono] boot'));
    options.add(Option.CpuCount, packed([32, 8n]));
    options.add(
      Option.CpuStat,
      text('CPU: 2\nentries: 10\noverrun: 4\ncommit overrun: 1\ndropped events: 7\n'),
    );
    expect(options).toMatchObject({ kernel: '6.12.107+deb13-amd64', clock: 'mono', cpuCount: 8 });
    expect(options.statistics).toEqual([{ cpu: 2, overrun: 5, dropped: 7 }]);
  });
});

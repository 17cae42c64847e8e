/**
 * Timelines as Perfetto and Chrome traces: what a viewer would draw of them, worked out from the bytes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtoReader } from '../read/perfetto/proto-reader.js';
import { TraceBuilder } from '../store/builder.js';
import type { Trace } from '../store/trace.js';
import type { Timeline, TimelineSlice, TimelineTrack } from '../timeline.js';
import { writeChrome } from './chrome.js';
import { lanesOf } from './lanes.js';
import { writePerfetto } from './perfetto.js';

function traceWith(origin: bigint, tasks: Record<number, string>): Trace {
  const builder = new TraceBuilder();
  builder.origin = origin;
  for (const [tid, comm] of Object.entries(tasks)) builder.task(Number(tid), comm);
  return builder.finish();
}

function slice(id: number, track: number, start: number, end: number): TimelineSlice {
  const details = { gfn: '0x10', attempts: id, share: 0.5 };
  return { id, track, start, end, name: `slice ${id}`, category: 'wait', details, events: [id, id + 1] };
}

const TRACKS: readonly TimelineTrack[] = [
  { id: 1, name: 'vCPU 0', kind: 'vcpu', tid: 77 },
  { id: 2, name: 'ksmd', kind: 'invalidator', tid: 30 },
  { id: 3, name: 'mmu_lock', kind: 'lock' },
  { id: 4, name: 'readers', kind: 'other', parent: 3 },
];

/** One field of a protobuf message: its number with its value, a message in turn where `shape` says so. */
interface Message {
  readonly [field: number]: (number | string | bigint | Message)[];
}

/** Decode a message: varints as numbers, other fields as text or as what `nested` says lies in them. */
function decode(bytes: Uint8Array, nested: Record<string, true>, path = ''): Message {
  const message: Record<number, (number | string | bigint | Message)[]> = {};
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    const here = `${path}.${reader.field}`;
    const part = bytes.subarray(reader.start, reader.end);
    let value: number | string | bigint | Message = reader.number;
    if (reader.wire === 1) value = (BigInt(reader.high) << 32n) | BigInt(reader.low);
    if (reader.wire === 2) value = nested[here] ? decode(part, nested, here) : new TextDecoder().decode(part);
    (message[reader.field] ??= []).push(value);
  }
  expect(reader.damaged).toBe(false);
  return message;
}

const NESTED: Record<string, true> = Object.fromEntries(
  ['.1', '.1.6', '.1.6.1', '.1.11', '.1.11.4', '.1.60', '.1.60.3', '.1.60.4'].map((path) => [path, true]),
);

function packetsOf(trace: Trace, timeline: Timeline): Message[] {
  const bytes = Uint8Array.from(Buffer.concat([...writePerfetto(trace, timeline)]));
  return decode(bytes, NESTED)[1] as Message[];
}

/** Slices that a viewer makes of begins and ends: `name start end` per track, by a stack per track. */
function drawn(packets: readonly Message[], origin: bigint): string[] {
  const open = new Map<unknown, { name: unknown; start: number }[]>();
  const slices: string[] = [];
  for (const packet of packets) {
    const event = packet[11]?.[0] as Message | undefined;
    if (!event) continue;
    const time = Number(BigInt(packet[8][0] as number) - origin);
    const stack = open.get(event[11][0]) ?? [];
    open.set(event[11][0], stack);
    if (event[9][0] === 1) stack.push({ name: event[23][0], start: time });
    else {
      const begun = stack.pop();
      slices.push(`${String(begun?.name)} ${begun?.start} ${time}`);
    }
  }
  expect([...open.values()].flat()).toEqual([]);
  return slices.sort();
}

const named = (slices: readonly TimelineSlice[]): string[] =>
  slices.map(({ name, start, end }) => `${name} ${start} ${end}`).sort();

const anySlices = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(60), fc.nat(20)), { maxLength: 30, size: 'max' })
  .map((list) => list.map(([track, start, length], id) => slice(id, track, start, start + length)));

describe('lanes', () => {
  it('hold every slice once, each lane nested or apart', () => {
    fc.assert(
      fc.property(anySlices, (slices) => {
        const lanes = lanesOf({ tracks: TRACKS, slices, flows: [] });
        expect(named(lanes.flatMap((lane) => lane.slices))).toEqual(named(slices));
        for (const lane of lanes) {
          for (const a of lane.slices) {
            expect(a.track).toBe(lane.track);
            const crossing = lane.slices.filter((b) => a.start < b.start && b.start < a.end && a.end < b.end);
            expect(crossing).toEqual([]);
          }
        }
      }),
    );
  });
});

describe('a timeline in Perfetto', () => {
  it('draws every slice from where it starts to where it ends', () => {
    fc.assert(
      fc.property(anySlices, fc.constantFrom(0n, 1_000_000n, 2n ** 52n), (slices, origin) => {
        const packets = packetsOf(traceWith(origin, { 77: 'CPU 0/KVM' }), {
          tracks: TRACKS,
          slices,
          flows: [],
        });
        expect(drawn(packets, origin)).toEqual(named(slices));
      }),
    );
  });

  it('has a track per thread and lock, with parents, and its flows and details', () => {
    const slices = [slice(1, 1, 10, 20), slice(2, 3, 5, 15), slice(3, 4, 6, 7)];
    const flows = [{ from: 1, to: 2, name: 'waits for' }];
    const packets = packetsOf(traceWith(0n, { 77: 'CPU 0/KVM', 30: 'ksmd' }), {
      tracks: TRACKS,
      slices,
      flows,
    });
    const tracks = packets.flatMap((packet) => (packet[60] ?? []) as Message[]);
    const byName = new Map(tracks.filter((track) => track[2]).map((track) => [track[2][0], track]));
    expect([...byName.keys()]).toEqual(['vCPU 0', 'ksmd', 'mmu_lock', 'readers']);
    expect(byName.get('vCPU 0')?.[4]).toEqual([{ 1: [77], 2: [77], 5: ['CPU 0/KVM'] }]);
    expect(byName.get('readers')?.[5]).toEqual(byName.get('mmu_lock')?.[1]);
    expect(tracks.filter((track) => track[3]).map((track) => track[3][0])).toEqual([
      { 1: [77], 6: ['CPU 0/KVM'] },
      { 1: [30], 6: ['ksmd'] },
    ]);
    const begins = packets
      .flatMap((packet) => (packet[11] ?? []) as Message[])
      .filter((event) => event[9][0] === 1);
    const flowIds = begins.map((event) => [event[23][0], event[47]]);
    const id = 0x4641554c00000001n;
    expect(flowIds).toEqual([
      ['slice 1', [id]],
      ['slice 2', [id]],
      ['slice 3', undefined],
    ]);
    expect(begins[0][22]).toEqual(['wait']);
    const half = 0x3fe0000000000000n;
    expect(begins[0][4]).toEqual([
      { 10: ['gfn'], 6: ['0x10'] },
      { 10: ['attempts'], 4: [1] },
      { 10: ['share'], 5: [half] },
      { 10: ['events'], 6: ['1-2'] },
    ]);
  });
});

interface ChromeRecord {
  ph: string;
  name: string;
  ts: number;
  dur: number;
  tid: number;
  id: number;
  args: Record<string, unknown>;
}

describe('a timeline in Chrome JSON', () => {
  it('draws every slice, and arrows between the rows of their slices', () => {
    fc.assert(
      fc.property(anySlices, (slices) => {
        const flows =
          slices.length > 1 ? [{ from: slices[0].id, to: slices[1].id, name: 'waits for "x"' }] : [];
        const text = [...writeChrome(traceWith(0n, {}), { tracks: TRACKS, slices, flows })].join('');
        const { traceEvents } = JSON.parse(text) as { traceEvents: ChromeRecord[] };
        const boxes = traceEvents.filter(({ ph }) => ph === 'X');
        const ns = (micros: number) => Math.round(micros * 1000);
        expect(boxes.map(({ name, ts, dur }) => `${name} ${ns(ts)} ${ns(ts + dur)}`).sort()).toEqual(
          named(slices),
        );
        const arrows = traceEvents.filter(({ ph }) => ph === 's' || ph === 'f');
        expect(arrows.map(({ ph, id }) => `${ph}${id}`)).toEqual(flows.length > 0 ? ['s1', 'f1'] : []);
        for (const { tid, ts } of arrows) {
          expect(boxes.some((box) => box.tid === tid && box.ts === ts)).toBe(true);
        }
        expect(arrows.map(({ ts }) => ts)).toEqual(arrows.map(({ ts }) => ts).toSorted((a, b) => a - b));
      }),
    );
  });

  it('names its rows and keeps details', () => {
    const slices = [slice(1, 1, 0, 10), { ...slice(2, 1, 5, 15), inferred: true }];
    const text = [...writeChrome(traceWith(0n, {}), { tracks: TRACKS, slices, flows: [] })].join('');
    const { traceEvents } = JSON.parse(text) as { traceEvents: ChromeRecord[] };
    const rows = traceEvents.filter(({ name }) => name === 'thread_name').map(({ args }) => args['name']);
    expect(rows).toEqual(['vCPU 0', 'vCPU 0 (2)', 'ksmd', 'mmu_lock', 'readers']);
    const details = { gfn: '0x10', share: 0.5 };
    expect(traceEvents.filter(({ ph }) => ph === 'X').map(({ args }) => args)).toEqual([
      { ...details, attempts: 1, events: '1-2' },
      { ...details, attempts: 2, events: '2-3', inferred: true },
    ]);
  });
});

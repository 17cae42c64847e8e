import { describe, expect, it } from 'vitest';
import { plainEvents } from '../../../../test/support/random-trace.js';
import { InputError } from '../../errors.js';
import { TraceBuilder, type BuilderOptions } from '../../store/builder.js';
import type { Trace } from '../../store/trace.js';
import { ProtoWriter } from '../../write/proto-writer.js';
import { PerfettoReader } from './perfetto-reader.js';

type Fill = (out: ProtoWriter) => void;

/** A nested message. */
function nested(out: ProtoWriter, field: number, fill: Fill): void {
  const start = out.begin(field);
  fill(out);
  out.end(start);
}

/** The bytes of a trace with these packets. */
function traceOf(...packets: Fill[]): Uint8Array {
  const out = new ProtoWriter();
  for (const fill of packets) nested(out, 1, fill);
  return out.take();
}

const bundle =
  (cpu: number, ...parts: Fill[]): Fill =>
  (out) =>
    nested(out, 1, () => {
      out.uint(1, cpu);
      for (const part of parts) part(out);
    });

const event =
  (time: number, pid: number, body: number, fill: Fill): Fill =>
  (out) =>
    nested(out, 2, () => {
      out.uint(1, time);
      out.int(2, pid);
      nested(out, body, fill);
    });

const thread =
  (tid: number, name: string): Fill =>
  (out) =>
    nested(out, 2, () =>
      nested(out, 2, () => {
        out.int(1, tid);
        out.text(2, name);
      }),
    );

function packed(out: ProtoWriter, field: number, values: readonly number[]): void {
  // A repeated field may also come unpacked, one tag per value; packed is one blob of varints.
  const blob = new ProtoWriter();
  for (const value of values) blob.int(1, value);
  const bytes = [...blob.take()];
  const bare: number[] = [];
  for (let at = 0; at < bytes.length;) {
    at++;
    do bare.push(bytes[at]);
    while (bytes[at++] >= 0x80);
  }
  out.raw(field, Uint8Array.from(bare));
}

function read(bytes: Uint8Array, options: BuilderOptions = {}): Trace {
  const builder = new TraceBuilder(options);
  const reader = new PerfettoReader(builder);
  reader.push(bytes);
  reader.finish();
  return builder.finish();
}

const unmap = (out: ProtoWriter): void => {
  out.wide(1, 0x2000, 0xffff8880);
  out.wide(2, 0x1000, 0xffff8880);
};

describe('Perfetto ftrace bundles', () => {
  it('give typed events their fields from the event table', () => {
    const trace = read(traceOf(bundle(3, event(1000, 77, 398, unmap))));
    expect(plainEvents(trace)).toEqual([
      {
        stamp: 1000n,
        cpu: 3,
        tid: 77,
        comm: '<...>',
        event: 'kvm:kvm_unmap_hva_range',
        flags: 0,
        buffer: 0,
        fields: { start: 0xffff888000001000n, end: 0xffff888000002000n },
      },
    ]);
    expect(trace.named('kvm_unmap_hva_range')?.known).toBe(true);
    expect(trace.meta).toMatchObject({ format: 'Perfetto', clock: 'boot' });
  });

  it('find the system of generic events by name, and keep unknown ones', () => {
    const generic =
      (name: string): Fill =>
      (out) => {
        out.text(1, name);
        nested(out, 2, () => {
          out.text(1, 'lock_addr');
          out.wide(5, 0xffffffff, 0xffffffff);
        });
        nested(out, 2, () => {
          out.text(1, 'ret');
          out.int(4, -4);
        });
      };
    const trace = read(
      traceOf(bundle(0, event(1, 2, 327, generic('contention_end')), event(2, 2, 327, generic('odd')))),
    );
    const [known, odd] = plainEvents(trace);
    expect(known).toMatchObject({
      event: 'lock:contention_end',
      fields: { lock_addr: 2n ** 64n - 1n, ret: -4n },
    });
    expect(odd).toMatchObject({ event: 'perfetto:odd', fields: { lock_addr: 2n ** 64n - 1n, ret: -4n } });
    expect([...trace.diagnostics.unknownEvents.keys()]).toEqual(['odd']);
  });

  it('read events that the trace describes itself', () => {
    const description: Fill = (out) =>
      nested(out, 11, () => {
        out.uint(1, 70_000);
        nested(out, 2, () => {
          out.text(1, 'contention_begin');
          ['lock_addr:4', 'flags:13'].forEach((field, at) =>
            nested(out, 2, () => {
              out.text(1, field.split(':')[0]);
              out.uint(3, at + 1);
              out.uint(5, Number(field.split(':')[1]));
            }),
          );
        });
      });
    const body: Fill = (out) => {
      out.wide(1, 0x1000, 0xffff8880);
      out.uint(2, 5);
    };
    const [got] = plainEvents(read(traceOf(bundle(0, description), bundle(1, event(9, 4, 70_000, body)))));
    expect(got).toMatchObject({
      event: 'lock:contention_begin',
      cpu: 1,
      fields: { flags: 5n, lock_addr: 0xffff888000001000n },
    });
  });

  it('keep typed events without a table entry, without their fields', () => {
    const trace = read(
      traceOf(
        bundle(
          0,
          event(5, 1, 36, (out) => out.uint(1, 3)),
        ),
      ),
    );
    expect(plainEvents(trace)[0]).toMatchObject({ event: 'perfetto:event_36', fields: {} });
    expect(trace.diagnostics.unknownEvents.get('event_36')?.count).toBe(1);
  });

  it('unpack compact sched events, with what the switch before tells', () => {
    const compact: Fill = (out) =>
      nested(out, 4, () => {
        out.text(5, 'vcpu');
        out.text(5, 'ksmd');
        packed(out, 1, [100, 20, 30]);
        packed(out, 2, [1, 2, -1]);
        packed(out, 3, [10, 11, 0]);
        packed(out, 4, [120, 139, -1]);
        packed(out, 6, [0, 1, 0]);
        packed(out, 7, [90, 35]);
        packed(out, 8, [10, 12]);
        packed(out, 9, [2, 3]);
        packed(out, 10, [120, 120]);
        packed(out, 11, [0, 1]);
      });
    const events = plainEvents(read(traceOf(bundle(2, compact))));
    expect(events.map((each) => [each.stamp, each.event, each.tid, each.comm])).toEqual([
      [90n, 'sched:sched_waking', -1, '<...>'],
      [100n, 'sched:sched_switch', -1, '<...>'],
      [120n, 'sched:sched_switch', 10, 'vcpu'],
      [125n, 'sched:sched_waking', 11, 'ksmd'],
      [150n, 'sched:sched_switch', 11, 'ksmd'],
    ]);
    expect(events[1].fields).toEqual({ prev_state: 1n, next_comm: 'vcpu', next_pid: 10n, next_prio: 120n });
    expect(events[2].fields).toMatchObject({
      prev_comm: 'vcpu',
      prev_pid: 10n,
      prev_state: 2n,
      next_prio: 139n,
    });
    expect(events[4].fields).toMatchObject({ prev_state: -1n, next_prio: -1n });
    expect(events[3].fields).toEqual({ comm: 'ksmd', pid: 12n, prio: 120n, target_cpu: 3n });
  });

  it('name threads by packets that come before, after, or by sched_switch', () => {
    const plain = (time: number, tid: number): Fill =>
      bundle(
        0,
        event(time, tid, 391, (out) => out.uint(1, 1)),
      );
    const switched = event(3, 30, 4, (out) => {
      out.text(1, 'prev');
      out.int(2, 30);
      out.text(5, 'next');
      out.int(6, 31);
    });
    const packets = [
      thread(10, 'early'),
      plain(1, 10),
      plain(2, 20),
      bundle(0, switched),
      plain(4, 31),
      thread(20, 'late'),
    ];
    const trace = read(traceOf(...packets, plain(5, 0), plain(6, 10), thread(10, 'new name'), plain(7, 10)));
    const comms = plainEvents(trace).map(({ comm }) => comm);
    expect(comms).toEqual(['early', 'late', 'prev', 'next', '<idle>', 'early', 'new name']);
  });

  it('say where events were lost, and which clock it was', () => {
    const lossy: Fill = bundle(
      1,
      (out) => out.uint(5, 4),
      event(8, 1, 391, (out) => out.uint(1, 1)),
      (out) => out.bool(3, true),
    );
    const trace = read(traceOf(lossy));
    expect(trace.diagnostics.losses).toEqual([{ cpu: 1, events: undefined, beforeTime: 8 }]);
    expect(trace.meta.clock).toBe('mono_raw');
  });

  it('keep stamps beyond 2^53 exact', () => {
    const big: Fill = bundle(0, (out) =>
      nested(out, 2, () => {
        out.big(1, 2n ** 60n + 12_345n);
        nested(out, 391, () => out.uint(1, 1));
      }),
    );
    expect(plainEvents(read(traceOf(big)))[0].stamp).toBe(2n ** 60n + 12_345n);
  });

  it('apply the filter', () => {
    const both = bundle(
      0,
      event(1, 5, 391, (out) => out.uint(1, 1)),
      event(2, 6, 398, unmap),
    );
    const trace = read(traceOf(both), { filter: { events: ['kvm_unmap*'] } });
    expect(plainEvents(trace).map(({ event: name }) => name)).toEqual(['kvm:kvm_unmap_hva_range']);
    expect(trace.diagnostics.filtered).toBe(1);
  });
});

describe('a damaged Perfetto trace', () => {
  const whole = traceOf(bundle(0, event(1, 1, 398, unmap)), bundle(0, event(2, 1, 398, unmap)));

  it('says that it breaks off, and keeps what is whole', () => {
    const half = whole.length / 2;
    for (let length = 1; length < half; length++) {
      expect(() => read(whole.subarray(0, length))).toThrow(InputError);
    }
    for (let length = half; length < whole.length; length++) {
      const trace = read(whole.subarray(0, length));
      expect([trace.length, trace.diagnostics.damage.length]).toEqual([1, length === half ? 0 : 1]);
    }
    expect(() => read(new Uint8Array(0))).toThrow(/no packet/);
    expect(() => read(new TextEncoder().encode('hello world, this is text'))).toThrow(InputError);
  });

  it('stops where no packet begins, and skips packets of impossible length', () => {
    const broken = Uint8Array.of(...whole, 0, 1, 2, 3, ...new Uint8Array(30));
    expect(read(broken).diagnostics.damage[0]).toMatch(/begins no packet: the rest of the file is not read/);
    const huge = Uint8Array.of(...whole, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3);
    const trace = read(huge);
    expect(trace.length).toBe(2);
    expect(trace.diagnostics.damage.join()).toMatch(/left out.*ends inside a packet/);
  });

  it('counts what it leaves out', () => {
    const other: Fill = (out) => out.raw(11, Uint8Array.of(1));
    const compressed: Fill = (out) => out.raw(50, Uint8Array.of(1, 2, 3));
    const { notes } = read(traceOf(bundle(0, event(1, 1, 398, unmap)), other, compressed)).diagnostics;
    expect(notes).toEqual([
      '1 compressed packet(s) are not read',
      '1 packet part(s) hold no ftrace events and are left out (fields 11)',
    ]);
  });
});

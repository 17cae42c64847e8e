import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { buildTrace, plainEvents, traceSpec } from '../../test/support/random-trace.js';
import { InputError } from '../trace/errors.js';
import { findEvent } from '../trace/events/index.js';
import { TraceBuilder } from '../trace/store/builder.js';
import type { Trace } from '../trace/store/trace.js';
import { writeParquet } from './write-parquet.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-parquet-'));
const file = join(folder, "it's.parquet");
afterAll(() => rmSync(folder, { recursive: true }));

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const result = await connection.runAndReadAll(sql.replaceAll('FILE', `'${file.replaceAll("'", "''")}'`));
  const rows = result.getRowObjectsJS();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

/** Contention and faults with addresses above 2^53, over several batches. */
function kvmTrace(events: number): Trace {
  const builder = new TraceBuilder();
  builder.origin = 2n ** 60n;
  const kinds = ['contention_begin', 'kvm_page_fault', 'kvm_mmu_set_spte', 'kvm_unmap_hva_range'].map(
    (name) => {
      const def = findEvent(name);
      if (!def) throw new Error(name);
      return builder.kind(def, true);
    },
  );
  for (let i = 0; i < events; i++) {
    const kind = kinds[i % 4];
    builder.begin(i * 10, kind, i % 3, builder.task(100 + (i % 2), 'CPU 0/KVM'), i % 7);
    for (const column of kind.columns) column.setBig(kind.row, 0xffff_8880_0000_0000n + BigInt(i));
  }
  return builder.finish();
}

describe('Parquet', () => {
  it('has a row per event, with typed columns for what is asked most', async () => {
    const count = 10_001;
    await writeParquet(kvmTrace(count), file);
    expect(readdirSync(folder)).toEqual(["it's.parquet"]);
    const [sums] =
      await query(`SELECT count(*) n, sum(time_ns - 1152921504606846976)::BIGINT t, sum(cpu)::BIGINT c,
      sum(flags)::BIGINT f, count(gfn) g, count(lock_addr) l, count(address) a, count(vcpu_id) v,
      max(lock_addr) AS highest, max(address) address FROM FILE`);
    const each = Array.from({ length: count }, (_, i) => i);
    const total = (of: (i: number) => number) => BigInt(each.reduce((sum, i) => sum + of(i), 0));
    expect(sums).toMatchObject({
      n: BigInt(count),
      t: total((i) => i * 10),
      c: total((i) => i % 3),
      f: total((i) => i % 7),
      l: 2501n,
      g: 2500n,
      v: 2500n,
      a: 5000n,
      highest: 0xffff_8880_0000_0000n + 10_000n,
      address: 0xffff_8880_0000_0000n + 9999n,
    });
    const order = await query('SELECT time_ns FROM FILE');
    expect(order.map(({ time_ns: time }) => time)).toEqual(each.map((i) => 2n ** 60n + BigInt(i * 10)));
  });

  it('keeps every field of every type', async () => {
    const ascii = fc.string({ maxLength: 12 });
    const [spec] = fc
      .sample(traceSpec({ text: ascii, comm: ascii, buffers: ['', 'inst'] }), { seed: 4, numRuns: 60 })
      .toSorted((a, b) => b.events.length - a.events.length);
    const trace = buildTrace(spec);
    await writeParquet(trace, file);
    const rows = await query('SELECT * FROM FILE');
    const expected = plainEvents(trace);
    expect(rows).toHaveLength(expected.length);
    for (const [at, event] of expected.entries()) {
      const { time_ns: stamp, cpu, tid, comm, system, event: name, flags, buffer, fields } = rows[at];
      const [wantedSystem, wantedName] = event.event.split(':');
      expect({ stamp, cpu, tid, comm, system, name, flags, buffer }).toEqual({
        stamp: event.stamp,
        cpu: event.cpu,
        tid: BigInt(event.tid),
        comm: event.comm,
        system: wantedSystem,
        name: wantedName,
        flags: event.flags,
        buffer: spec.buffers[event.buffer],
      });
      for (const [field, value] of Object.entries(event.fields)) {
        const shown = field.startsWith('bytes')
          ? Buffer.from(String(value), 'latin1').toString('hex')
          : value;
        // JSON.parse would round: numbers are compared as text.
        expect(String(fields)).toContain(
          `"${field}":${typeof shown === 'bigint' ? shown : JSON.stringify(shown)}`,
        );
      }
    }
  });

  it('is exact in SQL, for fields without a column too', async () => {
    await writeParquet(kvmTrace(40), file);
    const [row] = await query(`SELECT max((fields->>'old_spte')::UBIGINT) AS nothing,
      max((fields->>'spte')::UBIGINT) spte, max(fields->>'lock_addr') AS held FROM FILE`);
    expect(row).toEqual({
      nothing: null,
      spte: 0xffff_8880_0000_0000n + 38n,
      held: String(0xffff_8880_0000_0000n + 36n),
    });
  });

  it('says in one line why it cannot write, and leaves nothing behind', async () => {
    const missing = join(folder, 'no', 'such', 'x.parquet');
    await expect(writeParquet(kvmTrace(1), missing)).rejects.toThrow(InputError);
    expect(readdirSync(folder).filter((name) => name !== "it's.parquet")).toEqual([]);
  });

  it('writes an empty trace as an empty table', async () => {
    await writeParquet(kvmTrace(0), file);
    expect(await query('SELECT count(*) n FROM FILE')).toEqual([{ n: 0n }]);
  });
});

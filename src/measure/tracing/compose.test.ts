/**
 * Goal: pages as the kernel's ring buffers give them become a trace.dat that reads back the same, and
 * whatever the kernel says is missing is counted.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { OutputFile } from '../../files/output-file.js';
import { readTrace } from '../../files/open-trace.js';
import { HEADER_EVENT, headerPage } from '../../trace/write/dat-sections.js';
import { composeDat, countPages, type DatParts } from './compose.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PAGE = 4096;
const ID = 77;
const FORMAT = `name: kvm_pml_full
ID: ${ID}
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:unsigned int vcpu_id;	offset:8;	size:4;	signed:0;

print fmt: "vcpu %u: PML full", REC->vcpu_id
`;

/** A page with events of 12 bytes, 10 ns apart. @param lost undefined: nothing; 0: some, not counted */
function page(time: number, vcpus: readonly number[], lost?: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(PAGE));
  view.setBigUint64(0, BigInt(time), true);
  vcpus.forEach((vcpu, index) => {
    const at = 16 + 16 * index;
    view.setUint32(at, 3 | (10 << 5), true);
    view.setUint32(at + 4, ID, true);
    view.setUint32(at + 8, 4242, true);
    view.setUint32(at + 12, vcpu, true);
  });
  const size = 16 * vcpus.length;
  const flags = lost === undefined ? 0 : lost === 0 ? 2 ** 31 : 2 ** 31 + 2 ** 30;
  view.setUint32(8, size + flags, true);
  if (lost !== undefined && lost > 0) view.setUint32(16 + size, lost, true);
  return new Uint8Array(view.buffer);
}

function parts(...cpus: readonly (readonly Uint8Array[])[]): DatParts {
  return {
    facts: { clocks: 'local [mono]\n', kernel: '6.12.1', cpus: cpus.length },
    texts: {
      headerPage: headerPage(PAGE),
      headerEvent: HEADER_EVENT,
      formats: new Map([['kvm', [FORMAT]]]),
      kallsyms: '',
      comms: '4242 CPU 0/KVM\n',
    },
    clock: 'mono',
    pageBytes: PAGE,
    pages: cpus.map((pages, cpu) => {
      const file = join(folder, `cpu${cpu}`);
      writeFileSync(file, Buffer.concat(pages));
      return { cpu, file };
    }),
  };
}

async function composed(from: DatParts) {
  const path = join(folder, 'trace.dat');
  const out = new OutputFile(path);
  composeDat(out, from);
  out.commit();
  return readTrace(path);
}

it('reads back every event of every CPU, in order', async () => {
  const from = parts([page(1000, [1, 2]), page(3000, [3])], [page(2000, [4])], []);
  const trace = await composed(from);
  const kind = trace.kinds[0];
  expect(Array.from({ length: trace.length }, (_, event) => [trace.cpu[event], trace.time[event]])).toEqual([
    [0, 1010],
    [0, 1020],
    [1, 2010],
    [0, 3010],
  ]);
  expect([kind.system, kind.name, trace.meta.kernel, trace.meta.clock]).toEqual([
    'kvm',
    'kvm_pml_full',
    '6.12.1',
    'mono',
  ]);
  expect(trace.tasks.map(({ tid, comm }) => [tid, comm])).toEqual([[4242, 'CPU 0/KVM']]);
  expect(countPages(from)).toEqual({ events: [{ name: 'kvm:kvm_pml_full', count: 4 }], lost: 0, notes: [] });
});

it('counts what the kernel says is missing, and says where it did not count', () => {
  const from = parts([page(1000, [1]), page(2000, [2], 7), page(3000, [3], 0)], [page(1500, [1], 5)]);
  const { lost, notes, events } = countPages(from);
  expect(lost).toBe(12);
  expect(events).toEqual([{ name: 'kvm:kvm_pml_full', count: 4 }]);
  expect(notes).toEqual(['events are missing before 1 more page(s), which the kernel did not count']);
});

it('says that a page is cut off', () => {
  const from = parts([page(1000, [1, 2, 3]).subarray(0, 40)]);
  const { events, notes } = countPages(from);
  expect(events).toEqual([{ name: 'kvm:kvm_pml_full', count: 1 }]);
  expect(notes.join()).toMatch(/cut off/);
});

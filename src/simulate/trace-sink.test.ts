import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emitAll, MMU_LOCK, QUEUE, stormThread, vcpuThread, type Emit } from '../../test/support/emits.js';
import { requires } from '../../test/requires.js';
import { eventOf, expectSameTrace } from '../../test/support/same-trace.js';
import { attemptsOf } from '../explain/attempts.js';
import { explain } from '../explain/explain.js';
import { threadsOf } from '../explain/threads.js';
import { ExitReason } from '../model/guest/guest.js';
import { RetPf } from '../model/page-fault-struct.js';
import { FROZEN_SPTE, makeEntry, Spte } from '../model/spte.js';
import { Detection, Tracepoint as T, TRACEPOINTS } from '../model/tracepoints.js';
import { readTraceDat } from '../trace/read/dat/read-trace-dat.js';
import { PerfettoReader } from '../trace/read/perfetto/perfetto-reader.js';
import { MemorySource } from '../trace/read/source.js';
import { TextReader } from '../trace/read/text/text-reader.js';
import { TraceBuilder } from '../trace/store/builder.js';
import type { Trace } from '../trace/store/trace.js';
import { writeFtraceText } from '../trace/write/ftrace-text.js';
import { writePerfetto } from '../trace/write/perfetto.js';
import { MemorySink } from '../trace/write/sink.js';
import { writeTraceDat } from '../trace/write/trace-dat.js';
import { kernelViewOf } from './kernel-view.js';
import { TraceSink, type TraceSinkOptions } from './trace-sink.js';
import { TRACED_MMU_LOCK } from './trace-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-sink-'));
afterAll(() => rmSync(folder, { recursive: true }));

const v0 = vcpuThread(0, 0);
const ksmd = stormThread(1, 'ksm', 'ksmd');
const storm = stormThread(2, 'madvise', 'qemu-system-x86_64');
const LEAF = makeEntry(
  0x6555c,
  Spte.Present | Spte.Leaf | Spte.Writable | Spte.MmuWritable | Spte.Accessed | Spte.Dirty,
);
const READ_ONLY = makeEntry(0x6555c, Spte.Present | Spte.Leaf | Spte.Accessed);
const TABLE = makeEntry(2, Spte.Present | Spte.Writable | Spte.Accessed);
const FIRST_TABLE = 5000;

/** A retry behind an invalidation that yields, a mapping, KSM, and the rest of the tracepoints. */
const EMITS: readonly Emit[] = [
  [1000, storm, T.kvmUnmapHvaRange, 0x1ae7, 0x1ae9],
  [1010, storm, T.lockAcquired, MMU_LOCK, 2],
  [1020, storm, T.invalidateBegin, 0x1ae7, 0x1ae9, 1, 7],
  [1030, storm, T.kvmTdpMmuSpteChanged, 0, 0xae7, 1, LEAF, 0],
  [1100, v0, T.kvmExit, 0, ExitReason.PageFault, 6, 0xae7],
  [1105, v0, T.kvmPageFault, 0, 0xae7, 6],
  [1110, v0, T.probeFaultBegin, 0, 0xae7, 1],
  [1120, v0, T.contentionBegin, MMU_LOCK, 3],
  [1130, storm, T.remoteFlush, 1, 1],
  [1140, storm, T.lockReleased, MMU_LOCK, 2],
  [1150, v0, T.contentionEnd, MMU_LOCK, 0],
  [1151, v0, T.lockAcquired, MMU_LOCK, 1],
  [1160, v0, T.faultRetry, 0, 0xae7, 7, Detection.Stale],
  [1161, v0, T.lockReleased, MMU_LOCK, 1],
  [1165, v0, T.kvmEntry, 0],
  [1170, storm, T.lockAcquired, MMU_LOCK, 2],
  [1171, storm, T.yield, MMU_LOCK, 2, 0xae8],
  [1180, storm, T.kvmTdpMmuSpteChanged, 0, 0xae8, 1, READ_ONLY, FROZEN_SPTE],
  [1190, storm, T.lockReleased, MMU_LOCK, 2],
  [1200, storm, T.invalidateEnd, 0x1ae7, 0x1ae9, 8, 0],
  [1300, v0, T.kvmExit, 0, ExitReason.PageFault, 6, 0xae7],
  [1305, v0, T.kvmPageFault, 0, 0xae7, 6],
  [1310, v0, T.kvmMmuSpteRequested, 0xae7, 0x6555c, 1],
  [1320, v0, T.kvmTdpMmuSpteChanged, 0, 0xae7, 1, 0, LEAF],
  [1330, v0, T.kvmMmuSetSpte, 0xae7, LEAF, FIRST_TABLE + 0xe7, 1],
  [1340, v0, T.kvmTdpMmuSpteChanged, 0, 0xa00, 2, 0, TABLE],
  [1345, v0, T.kvmEntry, 0],
  [1350, v0, T.fastPageFault, 0, 0xae7, 7, READ_ONLY, LEAF, RetPf.Fixed],
  [1360, v0, T.kvmMmuSplitHugePage, 0xa00, LEAF, 2, 0],
  [1370, v0, T.kvmMmuPrepareZapPage, 0xa00, 2, 1],
  [1371, v0, T.kvmMmuZapAllFast, 1, 300],
  [1372, v0, T.kvmMmuGetPage, 0xa00, 2, 0, 1],
  [1373, v0, T.kvmMmuPagetableWalk, 0xae7, 6],
  [1400, ksmd, T.kvmAgeHva, 0x1ae7, 0x1ae8],
  [1401, ksmd, T.kvmTestAgeHva, 0x1ae7],
  [1402, ksmd, T.ksmStartScan, 3, 900],
  [1403, ksmd, T.ksmMergeOnePage, 0x6555c, 0],
  [1404, ksmd, T.ksmMergeWithKsmPage, 0x6555c, 0x6555d, -14],
  [1405, ksmd, T.ksmStopScan, 3, 900],
  [1406, ksmd, T.mmMigratePages, 1, 0, 0, 5],
  [1407, ksmd, T.tlbFlush, 4, -1],
];

function sinkOf(options: Partial<TraceSinkOptions> = {}): TraceSink {
  const statistics = { waitedNs: 2 ** 33, heldNs: 77, useful: 1 };
  const defaults = {
    kernel: 'v6.12',
    preempt: 'full',
    mmu: 'tdp',
    cpus: 4,
    firstTable: FIRST_TABLE,
    mmuLock: MMU_LOCK,
  };
  return new TraceSink({ ...defaults, statistics, ...options });
}

function traceOf(options: Partial<TraceSinkOptions> = {}, emits = EMITS): Trace {
  const sink = sinkOf(options);
  emitAll([sink], emits);
  sink.onSwitch(1500, 1, ksmd, undefined, 1);
  sink.onSwitch(1600, 1, undefined, storm, 0);
  return sink.finish();
}

const whole = traceOf();

function linesOf(trace: Trace): string[] {
  const text = Buffer.concat([...writeFtraceText(trace, { digits: 9 })]).toString('latin1');
  return text.split('\n').filter((each) => each !== '' && !each.startsWith('#'));
}

/** What the text says about the first event of a name. */
function line(trace: Trace, name: string, nth = 0): string {
  const found = linesOf(trace).filter((each) => each.includes(` ${name}: `))[nth];
  return found?.slice(found.indexOf(`${name}: `) + name.length + 2) ?? 'no such event';
}

describe('a simulated trace', () => {
  it('shows every tracepoint of the model, and no probe', () => {
    const names = new Set(whole.kinds.filter(({ length }) => length > 0).map(({ name }) => name));
    expect([...names].toSorted()).toEqual(
      [...TRACEPOINTS.map(({ name }) => name), 'sched_switch'].toSorted(),
    );
    expect(whole.length).toBe(EMITS.length - 1 + 2);
    expect(whole.meta).toMatchObject({ kernel: '6.12.0-faultline-model', preempt: 'full', cpus: 4 });
  });

  it.each([
    // As a kernel of 6.12 printed such events on an AMD host.
    ['kvm_exit', 'vcpu 0 reason npf rip 0x401136 info1 0x0000000100000006 info2 0x0000000000ae7000'],
    ['kvm_page_fault', 'vcpu 0 rip 0x401136 address 0x0000000000ae7000 error_code 0x100000006'],
    ['kvm_entry', 'vcpu 0, rip 0x401136'],
    ['kvm_mmu_spte_requested', 'gfn ae7 pfn 6555c level 1'],
    ['kvm_mmu_set_spte', 'gfn ae7 spte 6555ce67 (rwxu) level 1 at 100000738'],
    ['kvm_unmap_hva_range', 'mmu notifier unmap range: 0x007f0001ae7000 -- 0x007f0001ae9000'],
    ['contention_begin', 'ffffc90010e81000 (flags=SPIN|READ)'],
    ['contention_end', 'ffffc90010e81000 (ret=0)'],
    ['mm_migrate_pages', 'nr_succeeded=1 nr_failed=0'],
    ['ksm_merge_with_ksm_page', 'ksm pfn 415069 rmap_item ffff888103a5c000 mm ffff888104d30000 error -14'],
    ['tlb_flush', 'pages:-1 reason:remote IPI send (4)'],
    ['fault_retry', 'vcpu 0 gfn ae7 seq 7 reason stale'],
    ['lock_acquired', 'ffffc90010e81000 mode write waited_ns 8589934592'],
    ['lock_released', 'ffffc90010e81000 mode write held_ns 77'],
    ['yield', 'ffffc90010e81000 mode write next_gfn ae8 useful'],
    ['invalidate_begin', '0x7f0001ae7000 -- 0x7f0001ae9000 in_progress 1 seq 7'],
    ['remote_flush', 'requests 1 ipis 1 waited_ns 8589934592'],
  ])('says of %s what a kernel would', (name, text) => {
    expect(line(whole, name)).toContain(text);
  });

  it('shows entries as the hardware has them', () => {
    const change = (nth: number) => line(whole, 'kvm_tdp_mmu_spte_changed', nth);
    expect(change(0)).toBe('as id 0 gfn ae7 level 1 old_spte 6555ce67 new_spte 8000000000000000');
    expect(change(1)).toBe('as id 0 gfn ae8 level 1 old_spte 6555c825 new_spte 80000000000005a0');
    expect(change(3)).toBe('as id 0 gfn a00 level 2 old_spte 8000000000000000 new_spte 100002827');
  });

  it('gives page structures and entries addresses', () => {
    const address = (event: string, field: string) => whole.named(event)?.column(field)?.big(0);
    expect(address('ksm_merge_with_ksm_page', 'ksm_page')).toBe(0xffffea0000000000n + 64n * 0x6555cn);
    expect(address('kvm_mmu_set_spte', 'sptep')).toBe(0x100000000n + 8n * 0xe7n);
  });

  it('names threads, and the idle task', () => {
    expect(whole.tasks).toContainEqual({ tid: 2002, comm: 'qemu-system-x86' });
    expect(linesOf(whole).slice(-2)).toEqual([
      expect.stringMatching(/ksmd-2001 .*prev_comm=ksmd .*prev_state=S ==> next_comm=swapper\/1 next_pid=0 /),
      expect.stringMatching(
        /<idle>-0 .*prev_comm=swapper\/1 .* ==> next_comm=qemu-system-x86 next_pid=2002 /,
      ),
    ]);
  });

  it('has the fields and codes of its kernel', () => {
    const old = traceOf({ kernel: 'v6.1', preempt: 'voluntary' });
    expect(old.meta.kernel).toBe('6.1.0-faultline-model');
    expect(line(old, 'kvm_tdp_mmu_spte_changed')).toContain('new_spte 0');
    expect(old.named('fast_page_fault')?.column('ret')?.number(0)).toBe(4);
    expect(old.named('kvm_mmu_spte_requested')?.column('access')).toBeUndefined();
    const young = traceOf({ kernel: 'v7.3', preempt: 'lazy' });
    expect(young.named('kvm_mmu_spte_requested')?.column('access')?.number(0)).toBe(7);
    expect(young.named('fast_page_fault')?.column('ret')?.number(0)).toBe(RetPf.Fixed);
    expect(line(young, 'kvm_tdp_mmu_spte_changed', 1)).toContain('new_spte 80000000000001a0');
    expect(traceOf({ preempt: 'rt' }).meta.kernel).toBe('6.12.0-rt1-faultline-model');
    expect(line(traceOf({ mmu: 'shadow-paging' }), 'kvm_page_fault')).toContain('error_code 0x6');
  });

  it('sorts what came late and obeys a filter', () => {
    const emits: Emit[] = [...EMITS.slice(0, 6), [5, v0, T.kvmEntry, 0], ...EMITS.slice(6)];
    expect(traceOf({}, emits).timeOf(0)).toBe(5);
    const window = traceOf({ filter: { from: 1100, to: 1165, events: ['kvm:*'] } });
    expect(window.length).toBe(3);
  });
});

describe('written to a file', () => {
  it('reads back equal from trace.dat and Perfetto', () => {
    const sink = new MemorySink();
    expect(writeTraceDat(whole, sink).notes.filter((note) => !note.includes('clock'))).toEqual([]);
    const compressed = () => {
      throw new Error('nothing in it is compressed');
    };
    const dat = new TraceBuilder();
    readTraceDat(new MemorySource(sink.bytes), dat, { codecs: { zlib: compressed, zstd: compressed } });
    expectSameTrace(dat.finish(), whole);
    const perfetto = new TraceBuilder();
    const reader = new PerfettoReader(perfetto);
    for (const chunk of writePerfetto(whole, undefined, { events: true })) reader.push(chunk);
    reader.finish();
    expectSameTrace(perfetto.finish(), whole);
  });

  it('reads back from text with all that text can hold', () => {
    const builder = new TraceBuilder();
    const reader = new TextReader(builder);
    for (const chunk of writeFtraceText(whole, { digits: 9 })) reader.push(chunk);
    reader.finish();
    const again = builder.finish();
    expect(again.diagnostics.unparsedFields.size + again.diagnostics.unknownLines.size).toBe(0);
    expect(linesOf(again)).toEqual(linesOf(whole));
  });

  const { it: itReal } = requires('trace-cmd');
  itReal('opens with trace-cmd, which reads the same events', () => {
    const sink = new MemorySink();
    writeTraceDat(whole, sink);
    const file = join(folder, 'model.dat');
    writeFileSync(file, sink.bytes);
    const report = execFileSync('trace-cmd', ['report', '-t', file], { encoding: 'latin1', stdio: 'pipe' });
    expect(report).not.toMatch(/FAILED TO PARSE|error:/);
    const lines = report.split('\n').filter((each) => / \[\d+\] +\d+\.\d+: /.test(each));
    expect(lines).toHaveLength(whole.length);
    expect(report).toContain('reason EXIT_NPF rip 0x401136 info 100000006 ae7000');
    expect(report).toContain('vcpu 0 gfn ae7 seq 7 reason stale');
    expect(report).toMatch(/CPU 0\/KVM-3000 +\[000\]/);
  });
});

describe('the kernel’s view', () => {
  it('has no event that no kernel has', () => {
    const { trace, original } = kernelViewOf(whole);
    const faultline = EMITS.filter(([, , point]) => TRACEPOINTS[point]?.system === 'faultline');
    expect(trace.length).toBe(whole.length - faultline.length);
    for (let event = 0; event < trace.length; event++) {
      expect(eventOf(trace, event)).toEqual(eventOf(whole, original[event]));
      expect(trace.kindOf(event).events[trace.row[event]]).toBe(event);
    }
    expect(trace.kinds.some(({ system }) => system === 'faultline')).toBe(false);
  });

  it('is explained without the model’s knowledge', () => {
    expect(explain(whole).invalidations.yieldSource).toBe('exact');
    const { fault, invalidations } = explain(kernelViewOf(whole).trace);
    expect(invalidations).toMatchObject({ count: 1, yieldSource: 'inferred', endsInferred: true, leaves: 2 });
    expect(fault).toMatchObject({ attempts: 2, mapped: 1, retried: 1 });
  });

  it('lacks what came after the kernel', () => {
    const { trace } = kernelViewOf(traceOf({ kernel: 'v5.10' }));
    expect(trace.named('contention_begin')).toBeUndefined();
    expect(trace.named('kvm_unmap_hva_range')).toBeUndefined();
    expect(attemptsOf(trace, threadsOf(trace)).count).toBe(2);
  });
});

it('has mmu_lock at the start of a page, and other locks at their distance', () => {
  const lock = traceOf({}, [
    [1, v0, T.contentionBegin, MMU_LOCK, 3],
    [2, v0, T.contentionBegin, QUEUE, 1],
    [3, v0, T.contentionBegin, MMU_LOCK - 0x100, 1],
  ])
    .named('contention_begin')
    ?.column('lock_addr');
  expect(lock?.big(0)).toBe(TRACED_MMU_LOCK);
  expect([lock?.big(1), lock?.big(2)]).toEqual([TRACED_MMU_LOCK + 4n, TRACED_MMU_LOCK - 0x100n]);
  expect(TRACED_MMU_LOCK % 4096n).toBe(0n);
});

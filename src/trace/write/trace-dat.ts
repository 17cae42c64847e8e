/**
 * Writes a trace.dat, version 7, uncompressed: the file of trace-cmd and KernelShark.
 *
 * Layout: a header, one section for each part of the metadata, the ring-buffer pages of each buffer, and last
 * the options that say where all of it lies. Nothing is held in memory but one page.
 */
import { InputError } from '../errors.js';
import type { Trace } from '../store/trace.js';
import { layoutKind, type KindLayout } from './dat-layout.js';
import { PAGE_HEADER, PageWriter, RECORD_OVERHEAD, type PageLoss } from './dat-pages.js';
import { writeBuffer, writeFacts, writeTexts, type DatTexts } from './dat-parts.js';
import { HEADER_EVENT, headerPage, SectionWriter } from './dat-sections.js';
import type { PatchableSink, WriteSummary } from './sink.js';
import { textBytes } from './text-bytes.js';

/** First event id handed out; the kernel's own built-in events lie below. */
const FIRST_ID = 1000;
const PAGE_SIZE = 4096;
/** Bits 0-19 of a page's commit word count its data. */
const MOST_PAGE_SIZE = 1 << 19;
/** Clocks that count something else than ns: a reader would take the stamps for ticks. */
const TICK_CLOCKS = new Set(['x86-tsc', 'tsc', 'tsc2nsec', 'counter', 'uptime', 'ppc-tb']);
const CLOCKS = 'local global counter uptime perf mono mono_raw boot tai x86-tsc'.split(' ');

/**
 * Write `trace` as a trace.dat.
 *
 * @throws InputError when an event is too long for any ring-buffer page, or a time lies before the clock's
 * zero
 */
export function writeTraceDat(trace: Trace, sink: PatchableSink): WriteSummary {
  if (trace.length > 0 && trace.origin + BigInt(Math.round(trace.time[0])) < 0n) {
    throw new InputError('the trace has times before zero, which a trace.dat cannot hold');
  }
  const notes: string[] = [];
  const layouts = trace.kinds.map((kind, index) => layoutKind(kind, FIRST_ID + index));
  if (FIRST_ID + layouts.length > 0xffff) throw new InputError('too many kinds of event for a trace.dat');
  const pageSize = fittingPageSize(layouts);
  noteWhatIsLost(trace, notes);
  const cpus = cpuCount(trace);
  const clock = clockName(trace, notes);
  const out = new SectionWriter(sink);

  const optionsAt = out.fileHeader(pageSize);
  const clocks = `${CLOCKS.map((name) => (name === clock ? `[${name}]` : name)).join(' ')}\n`;
  writeFacts(out, { clocks, kernel: trace.meta.kernel ?? 'unknown', cpus });
  writeTexts(out, textsOf(trace, layouts, pageSize, notes));
  const writer = new PageWriter(trace, layouts, pageSize);
  const buffers = trace.meta.buffers.length > 0 ? trace.meta.buffers : [''];
  const cpuNumbers = Array.from({ length: cpus }, (_, cpu) => cpu);
  for (let buffer = 0; buffer < buffers.length; buffer++) {
    const plan = { name: buffers[buffer], clock, pageSize, cpus: cpuNumbers };
    writeBuffer(out, plan, (cpu) => writer.pages(eventsOf(trace, cpu, buffer), lossesOf(trace, cpu, buffer)));
  }
  if (writer.cut > 0)
    notes.push(`${writer.cut} value(s) are cut: a trace.dat holds 65,534 bytes of each event's texts`);
  const unmarked = trace.diagnostics.losses.filter((loss) => loss.beforeTime === undefined).length;
  if (unmarked > 0)
    notes.push(`${unmarked} loss(es) have no event after them on their CPU and are not marked`);
  out.options(optionsAt);
  return { events: trace.length, bytes: out.position, notes };
}

function textsOf(trace: Trace, layouts: readonly KindLayout[], pageSize: number, notes: string[]): DatTexts {
  const formats = new Map<string, string[]>();
  trace.kinds.forEach(({ system }, index) => {
    const list = formats.get(system);
    if (list) list.push(layouts[index].format);
    else formats.set(system, [layouts[index].format]);
  });
  const comms = commandLines(trace, notes);
  return { headerPage: headerPage(pageSize), headerEvent: HEADER_EVENT, formats, kallsyms: '', comms };
}

/** `pid comm` lines: one name per thread, the last one that it had. */
function commandLines(trace: Trace, notes: string[]): string {
  const names = new Map<number, string>();
  let renamed = 0;
  for (const { tid, comm } of trace.tasks) {
    if (comm === '<...>' || comm === '') continue;
    const known = names.get(tid);
    if (known !== undefined && known !== comm) renamed++;
    names.set(tid, comm.replaceAll(/[\n\0]/g, '?'));
  }
  if (renamed > 0)
    notes.push(`${renamed} earlier name(s) of renamed threads are dropped: a trace.dat has one per thread`);
  let text = '';
  for (const [tid, comm] of names) text += `${tid} ${comm}\n`;
  return text;
}

function* eventsOf(trace: Trace, cpu: number, buffer: number): Generator<number> {
  for (const event of trace.byCpu(cpu)) if (trace.bufferOf(event) === buffer) yield event;
}

/** Losses on a CPU that belong to a buffer: the one that holds the event after the loss, else the first. */
function lossesOf(trace: Trace, cpu: number, buffer: number): PageLoss[] {
  const found: PageLoss[] = [];
  for (const { cpu: lossCpu, events, beforeTime } of trace.diagnostics.losses) {
    if (lossCpu !== cpu || beforeTime === undefined) continue;
    let owner = 0;
    for (
      let at: number = trace.firstAt(beforeTime);
      at < trace.length && trace.time[at] === beforeTime;
      at++
    ) {
      if (trace.cpu[at] !== cpu) continue;
      owner = trace.bufferOf(at);
      break;
    }
    if (owner === buffer) found.push({ time: beforeTime, events });
  }
  return found.sort((a, b) => a.time - b.time);
}

function cpuCount(trace: Trace): number {
  return Math.max(trace.meta.cpus ?? 0, (trace.cpus().at(-1) ?? 0) + 1);
}

/** The smallest page that holds the longest event. */
function fittingPageSize(layouts: readonly KindLayout[]): number {
  const longest = layouts.reduce((most, layout) => Math.max(most, layout.longest), 0);
  // Room for a stored count of lost events as well.
  const needed = PAGE_HEADER + RECORD_OVERHEAD + longest + 16;
  let size = PAGE_SIZE;
  while (size < needed) size *= 2;
  if (size > MOST_PAGE_SIZE)
    throw new InputError(`an event of ${longest} bytes fits into no ring-buffer page`);
  return size;
}

function clockName(trace: Trace, notes: string[]): string {
  const { clock, timeUnit } = trace.meta;
  if (timeUnit === 'ticks') return clock;
  if (CLOCKS.includes(clock) && !TICK_CLOCKS.has(clock)) return clock;
  if (clock !== '') notes.push(`times are in ns, so the clock is given as local instead of ${clock}`);
  return 'local';
}

function noteWhatIsLost(trace: Trace, notes: string[]): void {
  let absent = 0;
  for (const kind of trace.kinds) {
    for (const column of kind.columns) {
      if (!column.absent) continue;
      for (let row = 0; row < kind.length; row++) if (!column.has(row)) absent++;
    }
  }
  if (absent > 0) notes.push(`${absent} field(s) that the source did not show are written as 0 or empty`);
  if (trace.tasks.some((task) => textBytes(task.comm).includes(10)))
    notes.push('newlines in thread names become "?"');
}

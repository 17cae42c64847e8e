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

const OPTION = {
  buffer: 3,
  clock: 4,
  uname: 5,
  cpus: 8,
  version: 9,
  headers: 16,
  ftraceEvents: 17,
  formats: 18,
  kallsyms: 19,
  printk: 20,
  cmdlines: 21,
} as const;

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
  out.optionText(OPTION.clock, `${CLOCKS.map((name) => (name === clock ? `[${name}]` : name)).join(' ')}\n`);
  out.optionText(OPTION.uname, `Linux (none) ${trace.meta.kernel ?? 'unknown'} x86_64`);
  out.optionText(OPTION.version, 'faultline');
  out.optionU32(OPTION.cpus, cpus);
  writeMetadata(trace, layouts, pageSize, out, notes);
  const writer = new PageWriter(trace, layouts, pageSize);
  const buffers = trace.meta.buffers.length > 0 ? trace.meta.buffers : [''];
  for (let buffer = 0; buffer < buffers.length; buffer++) {
    writeBuffer(out, writer, { index: buffer, name: buffers[buffer], clock, cpus });
  }
  if (writer.cut > 0)
    notes.push(`${writer.cut} value(s) are cut: a trace.dat holds 65,534 bytes of each event's texts`);
  const unmarked = trace.diagnostics.losses.filter((loss) => loss.beforeTime === undefined).length;
  if (unmarked > 0)
    notes.push(`${unmarked} loss(es) have no event after them on their CPU and are not marked`);
  out.options(optionsAt);
  return { events: trace.length, bytes: out.position, notes };
}

function writeMetadata(
  trace: Trace,
  layouts: readonly KindLayout[],
  pageSize: number,
  out: SectionWriter,
  notes: string[],
): void {
  const bySystem = new Map<string, string[]>();
  const builtIn: string[] = [];
  trace.kinds.forEach((kind, index) => {
    if (kind.system === 'ftrace') builtIn.push(layouts[index].format);
    else {
      const formats = bySystem.get(kind.system);
      if (formats) formats.push(layouts[index].format);
      else bySystem.set(kind.system, [layouts[index].format]);
    }
  });
  const headers = out.section(OPTION.headers);
  headers.text('header_page\0').sizedText(headerPage(pageSize));
  headers.text('header_event\0').sizedText(HEADER_EVENT).end();
  const ftrace = out.section(OPTION.ftraceEvents).u32(builtIn.length);
  for (const format of builtIn) ftrace.sizedText(format);
  ftrace.end();
  const formats = out.section(OPTION.formats).u32(bySystem.size);
  for (const [system, texts] of bySystem) {
    formats.text(`${system}\0`).u32(texts.length);
    for (const text of texts) formats.sizedText(text);
  }
  formats.end();
  out.section(OPTION.kallsyms).u32(0).end();
  out.section(OPTION.printk).u32(0).end();
  out.section(OPTION.cmdlines).sizedText(commandLines(trace, notes)).end();
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

interface BufferPlan {
  readonly index: number;
  readonly name: string;
  readonly clock: string;
  readonly cpus: number;
}

function writeBuffer(out: SectionWriter, writer: PageWriter, plan: BufferPlan): void {
  const { trace, pageSize } = writer;
  const start = out.startData(OPTION.buffer);
  const places: { cpu: number; offset: number; size: number }[] = [];
  for (let cpu = 0; cpu < plan.cpus; cpu++) {
    out.padTo(pageSize);
    const offset = out.position;
    const losses = lossesOf(trace, cpu, plan.index);
    for (const page of writer.pages(eventsOf(trace, cpu, plan.index), losses)) out.raw(page);
    places.push({ cpu, offset, size: out.position - offset });
  }
  out.endData(start);
  const option = out.option(OPTION.buffer).u64(start).text(`${plan.name}\0${plan.clock}\0`);
  option.u32(pageSize).u32(places.length);
  for (const place of places) option.u32(place.cpu).u64(place.offset).u64(place.size);
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

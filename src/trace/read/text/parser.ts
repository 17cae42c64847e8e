/**
 * Reads the lines of one layout.
 *
 * Every line is accounted for: it is an event, a report of lost events, a heading (comments, blank lines,
 * stacks), or unknown; `counts` says how many of each. Nothing that is unknown is dropped in silence: see
 * Diagnostics.
 */
import { ShapeReader } from '../../events/print-shape-read.js';
import type { TraceBuilder } from '../../store/builder.js';
import type { Sample } from '../../store/diagnostics.js';
import { latin1 } from '../../store/strings.js';
import type { ArgumentReader } from './arguments.js';
import { EventCatalog } from './catalog.js';
import { ClockReader } from './clock.js';
import { type LineHead, NEWLINE } from './head.js';
import type { TextLayout } from './detect.js';
import type { LineSink } from './lines.js';
import { NamedReader } from './named.js';
import { OtherLines } from './other-lines.js';
import { PerfHead } from './perf-head.js';
import { TaskHead } from './task-head.js';
import { TaskNames } from './tasks.js';

const SAMPLE_BYTES = 256;

/** Lines of each sort. */
export interface LineCounts {
  events: number;
  losses: number;
  headings: number;
  unknown: number;
}

export class TextParser implements LineSink {
  readonly counts: LineCounts = { events: 0, losses: 0, headings: 0, unknown: 0 };
  /** Number of the current line, from 1. */
  lineNumber = 0;
  readonly #builder: TraceBuilder;
  readonly #layout: TextLayout;
  readonly #clock: ClockReader;
  readonly #taskHead: TaskHead | undefined;
  readonly #perfHead: PerfHead | undefined;
  readonly #shapeReader: ShapeReader;
  readonly #catalog: EventCatalog;
  readonly #others: OtherLines;
  /** Lines of known events that were `name=value`, and that had their usual shape. */
  #named = 0;
  #shaped = 0;
  /** Per CPU: time of the last event. */
  #lastTimes = new Float64Array(64).fill(-Infinity);

  constructor(builder: TraceBuilder, layout: TextLayout) {
    this.#builder = builder;
    this.#layout = layout;
    this.#clock = new ClockReader(builder);
    const tasks = new TaskNames(builder);
    const perf = layout === 'perf';
    this.#shapeReader = new ShapeReader(builder.strings);
    const named = new NamedReader(builder.strings, perf);
    this.#catalog = new EventCatalog(builder, this.#shapeReader, named, perf);
    if (perf) this.#perfHead = new PerfHead(tasks, this.#clock, this.#catalog);
    else this.#taskHead = new TaskHead(tasks, this.#clock, layout === 'trace-cmd');
    this.#others = new OtherLines(builder, layout);
  }

  lines(bytes: Uint8Array, start: number, end: number): void {
    if (this.#perfHead) this.#perfLines(this.#perfHead, bytes, start, end);
    else if (this.#taskHead) this.#taskLines(this.#taskHead, bytes, start, end);
  }

  tooLong(bytes: Uint8Array): void {
    this.lineNumber++;
    this.counts.unknown++;
    this.#others.unknown('longer than 64 KiB', this.lineNumber, latin1(bytes, 0, bytes.length));
  }

  finish(): void {
    this.#others.finish();
    const { meta, diagnostics } = this.#builder;
    meta.format = this.#format();
    meta.resolution = this.#clock.resolution;
    if (this.#clock.unit === 'ticks') {
      meta.timeUnit = 'ticks';
      meta.resolution = 1;
    }
    if (this.#shapeReader.hashedPointers) {
      meta.hashedPointers = true;
      diagnostics.addNote('kernel pointers are printed as hashes: lock addresses are not the real ones');
    }
    if (this.#taskHead?.cutComms)
      diagnostics.addNote('task names are cut to 8 characters (trace-cmd report -l)');
    if (this.#perfHead?.noCpu)
      diagnostics.addNote('the text does not say on which CPU events ran: all are shown on CPU 0');
  }

  #format(): string {
    if (this.#layout === 'perf') return 'perf script';
    if (this.#layout === 'tracefs') return 'tracefs text';
    const options = [
      this.#named > this.#shaped ? ' -R' : '',
      this.#clock.resolution === 1 && this.#clock.unit === 'ns' ? ' -t' : '',
      this.#taskHead?.cutComms ? ' -l' : '',
    ];
    return `trace-cmd report${options.join('')}`;
  }

  // Two loops, so that each calls one class of head only.
  #taskLines(head: TaskHead, bytes: Uint8Array, start: number, end: number): void {
    head.look(bytes);
    for (let at = start; at < end;) {
      this.lineNumber++;
      if (head.read(bytes, at)) {
        if (head.buffer !== '' || this.#builder.buffer !== 0) this.#setBuffer(head.buffer);
        at = this.#event(head, bytes, at);
      } else at = this.#other(bytes, at);
    }
  }

  #perfLines(head: PerfHead, bytes: Uint8Array, start: number, end: number): void {
    head.look(bytes);
    for (let at = start; at < end;) {
      this.lineNumber++;
      at = head.read(bytes, at) ? this.#event(head, bytes, at) : this.#other(bytes, at);
    }
  }

  /** An event line; returns the start of the next line. */
  #event(head: LineHead, bytes: Uint8Array, start: number): number {
    this.counts.events++;
    const { cpu } = head;
    const { time } = this.#clock;
    if (this.#others.pendingLosses > 0) this.#others.resolveLosses(cpu, time);
    if (cpu >= this.#lastTimes.length) this.#growTimes(cpu);
    if (time < this.#lastTimes[cpu]) this.#backwards(cpu, time);
    this.#lastTimes[cpu] = time;
    const reader = head.reader ?? this.#find(head, bytes);
    if (!this.#builder.begin(time, reader.kind, cpu, head.task, head.flags)) {
      return bytes.indexOf(NEWLINE, head.args) + 1;
    }
    const end = reader.read(bytes, head.view, head.args, reader.kind.row, (head.task << 8) ^ cpu);
    if (!reader.kind.known) this.#countUnknown(reader, bytes, start, end);
    else if (reader.understood === 'shape') this.#shaped++;
    else if (reader.understood === 'named') this.#named++;
    if (reader.understood === 'partly') this.#countUnparsed(reader, bytes, start, end);
    return end + 1;
  }

  #find(head: LineHead, bytes: Uint8Array): ArgumentReader {
    const { view, nameStart, nameEnd, args } = head;
    const reader = this.#catalog.find(bytes, view, nameStart, nameEnd, args);
    if (this.#perfHead) this.#catalog.remember(bytes, view, nameStart, nameEnd, reader);
    return reader;
  }

  #other(bytes: Uint8Array, start: number): number {
    const end = bytes.indexOf(NEWLINE, start);
    this.counts[this.#others.read(bytes, start, end, this.lineNumber)]++;
    return end + 1;
  }

  #setBuffer(name: string): void {
    const buffers = (this.#builder.meta.buffers ??= ['']);
    let index = buffers.indexOf(name);
    if (index < 0 && buffers.length < 256) index = buffers.push(name) - 1;
    this.#builder.buffer = Math.max(0, index);
  }

  #growTimes(cpu: number): void {
    const bigger = new Float64Array(2 * cpu).fill(-Infinity);
    bigger.set(this.#lastTimes);
    this.#lastTimes = bigger;
  }

  #backwards(cpu: number, time: number): void {
    const { diagnostics } = this.#builder;
    diagnostics.addBackstep(this.#lastTimes[cpu] - time);
  }

  #countUnknown(reader: ArgumentReader, bytes: Uint8Array, start: number, end: number): void {
    const { system, name } = reader.kind.def;
    const key = system === '' ? name : `${system}:${name}`;
    if (reader.unknown) reader.unknown.count++;
    else reader.unknown = this.#sample('unknownEvents', key, bytes, start, end);
  }

  #countUnparsed(reader: ArgumentReader, bytes: Uint8Array, start: number, end: number): void {
    if (reader.unparsed) reader.unparsed.count++;
    else reader.unparsed = this.#sample('unparsedFields', reader.kind.def.name, bytes, start, end);
  }

  /** Count a line for the first time; its sample is counted on from then. */
  #sample(
    table: 'unknownEvents' | 'unparsedFields',
    key: string,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Sample | undefined {
    const { diagnostics } = this.#builder;
    const line = latin1(bytes, start, Math.min(end, start + SAMPLE_BYTES)).trim();
    diagnostics.count(diagnostics[table], key, this.lineNumber, line);
    return diagnostics[table].get(key) ?? diagnostics[table].get('(others)');
  }
}

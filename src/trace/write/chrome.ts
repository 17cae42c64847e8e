/**
 * Writes Chrome JSON traces, for viewers that read nothing else: a timeline as complete events (X) that nest,
 * its flows as s and f, and, where asked for, the raw events as instants (i).
 *
 *     {"ph":"i","s":"t","name":"contention_end","cat":"lock","ts":12.345,"pid":1,"tid":7,"cpu":3,"args":{..}}
 *
 * Times are microseconds with three decimals, so exact; integers above 2^53 are strings.
 */
import { isInterned, type Column } from '../store/column.js';
import type { KindTable } from '../store/kind.js';
import type { Trace } from '../store/trace.js';
import { DRAWN, type Timeline } from '../timeline.js';
import { jsonText } from './json-text.js';
import { lanesOf, type Lane } from './lanes.js';
import { hexOfBlob } from './text-bytes.js';

/** Rows of the viewer: threads with their raw events, and the tracks of the timeline. */
const THREADS = 1;
const TRACKS = 2;
/** Chunks are about this long. */
const CHUNK = 1 << 16;

export interface ChromeOptions {
  /** Write every event of the trace as well; without it, only the timeline. */
  readonly events?: boolean;
}

/**
 * The text of a Chrome trace, in chunks.
 *
 * Not kept: clock and format of the source, names of buffers, and lost events.
 */
export function* writeChrome(
  trace: Trace,
  timeline?: Timeline,
  options: ChromeOptions = {},
): Generator<string> {
  let chunk = '{"displayTimeUnit":"ns","traceEvents":[\n';
  let separator = '';
  for (const line of lines(trace, timeline, options)) {
    chunk += separator + line;
    separator = ',\n';
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = '';
  }
  yield `${chunk}\n]}\n`;
}

function* lines(trace: Trace, timeline: Timeline | undefined, options: ChromeOptions): Generator<string> {
  if (timeline) yield* timelineLines(trace, timeline);
  if (options.events) yield* eventLines(trace);
}

function metadata(name: string, pid: number, tid: number, args: string): string {
  return `{"ph":"M","name":"${name}","pid":${pid},"tid":${tid},"args":{${args}}}`;
}

function* timelineLines(trace: Trace, timeline: Timeline): Generator<string> {
  const lanes = lanesOf(timeline);
  const names = new Map(timeline.tracks.map((track) => [track.id, track.name]));
  yield metadata('process_name', TRACKS, 0, '"name":"Faultline"');
  yield metadata('process_sort_index', TRACKS, 0, '"sort_index":-1');
  const rowOf = new Map<number, number>();
  for (const [index, lane] of lanes.entries()) {
    const row = index + 1;
    const name = names.get(lane.track) ?? '';
    yield metadata(
      'thread_name',
      TRACKS,
      row,
      `"name":${jsonText(lane.lane > 0 ? `${name} (${lane.lane + 1})` : name)}`,
    );
    yield metadata('thread_sort_index', TRACKS, row, `"sort_index":${row}`);
    yield* sliceLines(trace, lane, row);
    for (const slice of lane.slices) rowOf.set(slice.id, row);
  }
  yield* flowLines(trace, timeline, rowOf);
}

function* sliceLines(trace: Trace, lane: Lane, row: number): Generator<string> {
  for (const slice of lane.slices) {
    const details = Object.entries(slice.details).map(
      ([name, value]) => `${jsonText(name)}:${detail(value)}`,
    );
    if (slice.inferred) details.push('"inferred":true');
    details.push(`"events":"${slice.events.join('-')}"`);
    const times = `"ts":${micros(trace.origin, slice.start)},"dur":${micros(0n, slice.end - slice.start)}`;
    const head = `"ph":"X","name":${jsonText(slice.name)},"cat":"${DRAWN}${slice.category}"`;
    yield `{${head},${times},"pid":${TRACKS},"tid":${row},"args":{${details.join(',')}}}`;
  }
}

/** Arrows can only point forward in time, so one to an earlier slice is drawn from there. */
function* flowLines(trace: Trace, timeline: Timeline, rowOf: ReadonlyMap<number, number>): Generator<string> {
  const starts = new Map(timeline.slices.map((slice) => [slice.id, slice.start]));
  for (const [index, flow] of timeline.flows.entries()) {
    const ends = [flow.from, flow.to].map((id) => ({ start: starts.get(id), row: rowOf.get(id) }));
    ends.sort((a, b) => (a.start ?? 0) - (b.start ?? 0));
    for (const [at, { start, row }] of ends.entries()) {
      if (start === undefined || row === undefined) continue;
      const name = `"name":${jsonText(flow.name)},"cat":"flow"`;
      const head = `"ph":"${at === 0 ? 's' : 'f'}","bp":"e","id":${index + 1},${name}`;
      yield `{${head},"ts":${micros(trace.origin, start)},"pid":${TRACKS},"tid":${row}}`;
    }
  }
}

function detail(value: string | number): string {
  return typeof value === 'string' ? jsonText(value) : Number.isFinite(value) ? String(value) : `"${value}"`;
}

function* eventLines(trace: Trace): Generator<string> {
  yield metadata('process_name', THREADS, 0, '"name":"events"');
  for (const kind of trace.kinds) if (kind.length > 0) yield kindLine(kind);
  const encoders = trace.kinds.map((kind) => kindEncoder(kind));
  const names = new Map<number, string>();
  for (let event = 0; event < trace.length; event++) {
    const { tid, comm } = trace.tasks[trace.task[event]];
    if (comm !== '<...>' && names.get(tid) !== comm) {
      // A name holds for the events after it in the file; viewers take the last.
      names.set(tid, comm);
      yield metadata('thread_name', THREADS, tid, `"name":${jsonText(comm)}`);
    }
    const flags = trace.flags[event] === 0 ? '' : `,"flags":${trace.flags[event]}`;
    const { head, args } = encoders[trace.kind[event]];
    const when = `"ts":${micros(trace.origin, trace.time[event])}`;
    const place = `${when},"pid":${THREADS},"tid":${tid},"cpu":${trace.cpu[event]}`;
    yield `{${head},${place}${flags},"args":{${args(trace.row[event])}}}`;
  }
}

/** What the fields of a kind are, so that a reader without its definition can keep them as they were. */
function kindLine(kind: KindTable): string {
  const fields = kind.columns.map(({ field }) => `${field.name}\t${field.type}\t${field.ctype}`).join('\n');
  const names = `"system":${jsonText(kind.system)},"name":${jsonText(kind.name)}`;
  return metadata('faultline_event', THREADS, 0, `${names},"fields":${jsonText(fields)}`);
}

interface KindEncoder {
  readonly head: string;
  readonly args: (row: number) => string;
}

function kindEncoder(kind: KindTable): KindEncoder {
  const head = `"ph":"i","s":"t","name":${jsonText(kind.name)},"cat":${jsonText(kind.system)}`;
  const members = kind.columns.map((column) => ({ column, key: `${jsonText(column.field.name)}:` }));
  const args = (row: number): string => {
    let text = '';
    for (const { column, key } of members) {
      if (!column.has(row)) continue;
      if (text !== '') text += ',';
      text += key + fieldText(column, row);
    }
    return text;
  };
  return { head, args };
}

function fieldText(column: Column, row: number): string {
  const { type } = column.field;
  if (type === 'bytes') return `"${hexOfBlob(column.text(row))}"`;
  if (isInterned(column.field)) return jsonText(column.text(row));
  const value = column.number(row);
  if (type === 'bool') return value === 0 ? 'false' : 'true';
  if (Number.isSafeInteger(value)) return String(value);
  return type === 'u64' ? `"0x${column.big(row).toString(16)}"` : `"${column.big(row)}"`;
}

/** Microseconds with three decimals, exact. */
function micros(origin: bigint, time: number): string {
  const whole = Math.round(time);
  if (origin === 0n && whole >= 0) {
    const rest = whole % 1000;
    return `${(whole - rest) / 1000}.${String(rest).padStart(3, '0')}`;
  }
  const stamp = origin + BigInt(whole);
  const digits = String(stamp < 0n ? -stamp : stamp).padStart(4, '0');
  return `${stamp < 0n ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

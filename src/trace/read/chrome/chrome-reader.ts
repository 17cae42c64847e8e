/**
 * Reads Chrome JSON traces: every instant, begin, end, complete and counter event becomes an event of the
 * kind that its name (and category, for the event table) says.
 *
 * What Faultline's own writer put there comes back as it was: instants with the system as category, fields in
 * `args`, CPU and flags beside them, and `faultline_event` metadata that gives the fields their types.
 */
import { InputError } from '../../errors.js';
import type { EventDef, FieldDef, FieldType } from '../../events/types.js';
import type { TraceBuilder } from '../../store/builder.js';
import { DRAWN } from '../../timeline.js';
import { LearnedKinds, type FindEvent, type LearnedKind } from '../learned-kind.js';
import type { StreamReader } from '../source.js';
import { ThreadNames } from '../thread-names.js';
import { ArrayScanner } from './array-scanner.js';
import { ChromeEvent } from './chrome-event.js';
import { ChromeTimes, decimalText, integer } from './chrome-numbers.js';
import type { JsonValue } from './json-cursor.js';

/** System of events without a category. */
const NO_SYSTEM = 'chrome';
/** Phases that are events of their own: instants first, then begins, ends, complete ones, counters. */
const INSTANTS = new Set(['i', 'I', 'R', 'n']);
const OTHERS = new Set(['B', 'E', 'X', 'b', 'e', 'S', 'F', 'T', 'p', 'C']);
/** Metadata by which Faultline's writer describes a kind of event. */
const KIND_METADATA = 'faultline_event';
const FIELD_TYPES = new Set<string>(
  'u8 s8 u16 s16 u32 s32 u64 s64 bool string bytes cpumask'.split(' ') satisfies readonly string[],
);
/** Thread ids that are names get numbers from here on. */
const FIRST_MADE_UP_TID = 0x70000000;
const MOST_NAMED_TIDS = 1 << 16;
const MOST_OPEN = 1000;
const MOST_THREADS = 1 << 16;

export interface ChromeOptions {
  /** Definitions of events; the event table unless given. */
  readonly findEvent?: FindEvent;
}

export class ChromeReader implements StreamReader {
  readonly #builder: TraceBuilder;
  readonly #kinds: LearnedKinds;
  readonly #names: ThreadNames;
  readonly #times: ChromeTimes;
  readonly #scanner: ArrayScanner;
  readonly #event: ChromeEvent;
  /** Names of slices that have begun, per thread: an end event needs none of its own. */
  readonly #open = new Map<number, string[]>();
  readonly #namedTids = new Map<string, number>();
  readonly #leftOut = new Map<string, number>();
  #events = 0;

  constructor(builder: TraceBuilder, options: ChromeOptions = {}) {
    this.#builder = builder;
    this.#kinds = new LearnedKinds(builder, options.findEvent);
    this.#names = new ThreadNames(builder);
    this.#times = new ChromeTimes(builder);
    this.#event = new ChromeEvent(builder.strings);
    this.#scanner = new ArrayScanner((bytes, start, end, offset) => this.#read(bytes, start, end, offset));
    builder.meta = { ...builder.meta, format: 'Chrome JSON', timeUnit: 'ns' };
  }

  push(chunk: Uint8Array): void {
    this.#scanner.push(chunk);
  }

  finish(): void {
    const { diagnostics } = this.#builder;
    const { stopped, found, unfinished } = this.#scanner;
    if (!found) throw new InputError('is no Chrome trace: it has no array of trace events');
    if (stopped !== undefined && this.#events === 0) throw new InputError(`is no Chrome trace: ${stopped}`);
    if (stopped !== undefined) diagnostics.addDamage(stopped);
    if (unfinished !== undefined)
      diagnostics.addDamage(`the file ends inside the event at byte ${unfinished}`);
    this.#names.finish();
    let count = 0;
    for (const each of this.#leftOut.values()) count += each;
    if (count === 0) return;
    const phases = [...this.#leftOut.keys()].sort().slice(0, 10).join(', ');
    diagnostics.addNote(`${count} flow, sample, object and other records are left out (phases ${phases})`);
  }

  #read(bytes: Uint8Array, start: number, end: number, offset: number): void {
    this.#events++;
    const event = this.#event;
    if (!event.read(bytes, start, end)) {
      this.#builder.diagnostics.addDamage(`the event at byte ${offset} is no valid JSON and left out`);
      return;
    }
    if (event.ph === 'M') this.#metadata(event, offset);
    else if (event.cat.startsWith(DRAWN)) this.#leftOut.set(event.ph, (this.#leftOut.get(event.ph) ?? 0) + 1);
    else if (INSTANTS.has(event.ph) || OTHERS.has(event.ph)) this.#keep(event, offset);
    else this.#leftOut.set(event.ph, (this.#leftOut.get(event.ph) ?? 0) + 1);
  }

  #keep(event: ChromeEvent, offset: number): void {
    const time = this.#times.time(event.ts);
    if (time === undefined) {
      this.#builder.diagnostics.addDamage(
        `the event at byte ${offset} has no time that can be read; it is left out`,
      );
      return;
    }
    const tid = this.#tid(event.tid);
    const kind = this.#kinds.get(this.#nameOf(event, tid), event.cat || undefined, NO_SYSTEM, offset);
    for (const { name, value } of event.args) stage(kind, name, value, offset);
    if (!INSTANTS.has(event.ph)) {
      kind.text('ph', event.ph, offset);
      const duration = event.ph === 'X' ? this.#times.duration(event.dur) : undefined;
      if (duration !== undefined) stageInteger(kind, 'dur', BigInt(duration), offset);
    }
    const cpu = Math.min(smallInteger(event.cpu), 0xffff);
    const flags = smallInteger(event.flags) & 0xffff;
    if (this.#builder.begin(time, kind.kind, cpu, this.#names.task(tid), flags)) kind.commit();
    else kind.drop();
  }

  #nameOf(event: ChromeEvent, tid: number): string {
    if (event.ph !== 'B' && event.ph !== 'E') return event.name;
    let open = this.#open.get(tid);
    if (!open) {
      open = [];
      if (this.#open.size < MOST_THREADS) this.#open.set(tid, open);
    }
    if (event.ph === 'E') {
      const begun = open.pop();
      return event.name || begun || 'end';
    }
    if (open.length < MOST_OPEN) open.push(event.name);
    return event.name;
  }

  #metadata(event: ChromeEvent, offset: number): void {
    if (event.name === 'thread_name') {
      const name = event.args.find((argument) => argument.name === 'name')?.value;
      if (name?.kind === 'text') this.#names.learn(this.#tid(event.tid), name.text);
    } else if (event.name === KIND_METADATA) {
      const def = declared(event);
      if (def) this.#kinds.declare(def);
      else this.#builder.diagnostics.addDamage(`the description of events at byte ${offset} cannot be read`);
    }
  }

  #tid(value: JsonValue): number {
    const exact = integer(value);
    if (exact !== undefined && exact >= -(2 ** 31) && exact < 2 ** 32) return Number(exact);
    const text = textOf(value);
    let tid = this.#namedTids.get(text);
    if (tid === undefined) {
      tid = FIRST_MADE_UP_TID + Math.min(this.#namedTids.size, MOST_NAMED_TIDS);
      if (this.#namedTids.size < MOST_NAMED_TIDS) this.#namedTids.set(text, tid);
      if (text !== '') this.#names.guess(tid, text);
    }
    return tid;
  }
}

/** The definition that a `faultline_event` record gives; undefined when it is damaged. */
function declared(event: ChromeEvent): EventDef | undefined {
  const text = (name: string): string | undefined => {
    const value = event.args.find((argument) => argument.name === name)?.value;
    return value?.kind === 'text' ? value.text : undefined;
  };
  const [system, name, list] = [text('system'), text('name'), text('fields')];
  if (system === undefined || name === undefined || list === undefined) return undefined;
  const fields: FieldDef[] = [];
  for (const each of list === '' ? [] : list.split('\n')) {
    const [fieldName, type, ctype = ''] = each.split('\t');
    if (!isFieldType(type)) return undefined;
    fields.push({ name: fieldName, type, ctype });
  }
  return { system, name, fields, print: [], since: 'v5.10', meaning: 'not in the event table' };
}

function isFieldType(text: string | undefined): text is FieldType {
  return text !== undefined && FIELD_TYPES.has(text);
}

function stage(kind: LearnedKind, name: string, value: JsonValue, offset: number): void {
  if (value.kind === 'number') {
    const exact = integer(value);
    if (exact === undefined) kind.text(name, textOf(value), offset);
    else stageInteger(kind, name, exact, offset);
  } else if (value.text === 'true' && value.kind === 'word') kind.number(name, 1, 0, false, offset);
  else if (value.text === 'false' && value.kind === 'word') kind.number(name, 0, 0, false, offset);
  else if (value.kind !== 'word') kind.text(name, value.text, offset);
}

function stageInteger(kind: LearnedKind, name: string, value: bigint | number, offset: number): void {
  if (typeof value === 'number') {
    kind.number(name, value >>> 0, Math.floor(value / 2 ** 32) >>> 0, true, offset);
    return;
  }
  const low = Number(BigInt.asUintN(32, value));
  const high = Number(BigInt.asUintN(32, value >> 32n));
  kind.number(name, low, high, value < 2n ** 63n, offset);
}

/** The text of a value, as the file has it. */
function textOf(value: JsonValue): string {
  return value.small ? decimalText(value.small) : value.text;
}

function smallInteger(value: JsonValue): number {
  const number = integer(value);
  return typeof number === 'number' && number >= 0 ? number : 0;
}

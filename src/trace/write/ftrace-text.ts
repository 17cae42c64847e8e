/**
 * Writes a trace as the text of tracefs' `trace` file, which trace viewers and the text reader understand.
 *
 * Known events have the kernel's own text. What that cannot show (an event that the table does not know,
 * fields that no shape prints) is written as `name=value`. Strings are written a byte per char, as the
 * store keeps them; line ends inside them become spaces.
 */
import { findEvent } from '../events/index.js';
import { decimalText, formatShape, hexPairs, hexText } from '../events/print-shape-format.js';
import type { PrintShape } from '../events/print-shape.js';
import { shapesOf } from '../events/print-shapes.js';
import type { FieldDef } from '../events/types.js';
import { flagsText } from '../read/text/latency-flags.js';
import { writtenName } from '../read/text/learnt.js';
import { isInterned, type Column } from '../store/column.js';
import type { KindTable } from '../store/kind.js';
import type { Trace } from '../store/trace.js';
import { textBytes } from './text-bytes.js';

export interface FtraceTextOptions {
  /** Digits of a second: 6 as the kernel writes (rounded to the nearest), 9 keeps ns. */
  readonly digits?: 6 | 9;
}

/** Characters per chunk, about. */
const CHUNK = 1 << 16;

/** The text as chunks of whole lines. */
export function* writeFtraceText(trace: Trace, options: FtraceTextOptions = {}): Generator<Uint8Array> {
  const stamp = stamper(trace, options.digits ?? 6);
  const kinds = trace.kinds.map((kind) => new KindWriter(kind));
  const losses = new LossLines(trace);
  let text = heading(trace, losses.overwritten);
  for (let event = 0; event < trace.length; event++) {
    const { tid, comm } = trace.taskOf(event);
    const cpu = trace.cpu[event];
    const who = `${comm.padStart(16)}-${`${tid}`.padEnd(7)} [${`${cpu}`.padStart(3, '0')}]`;
    const kind = kinds[trace.kind[event]];
    const what = `${kind.name}: ${kind.text(trace.row[event])}`;
    text += losses.before(cpu, trace.time[event]);
    text += `${oneLine(`${who} ${flagsText(trace.flags[event])} ${stamp(event)}: ${what}`)}\n`;
    if (text.length >= CHUNK) {
      yield textBytes(text);
      text = '';
    }
  }
  text += losses.rest();
  if (text !== '') yield textBytes(text);
}

/** Writes the arguments of one kind of event. */
class KindWriter {
  readonly name: string;
  readonly #kind: KindTable;
  readonly #shapes: readonly PrintShape[];
  /** In the order of the fields that the shapes are compiled for. */
  readonly #columns: readonly (Column | undefined)[];

  constructor(kind: KindTable) {
    const def = (kind.known ? findEvent(kind.name, kind.system) : undefined) ?? kind.def;
    this.name = kind.name;
    this.#kind = kind;
    this.#shapes = shapesOf(def);
    this.#columns = def.fields.map((field) => kind.column(field.name));
  }

  text(row: number): string {
    for (const shape of this.#shapes) {
      const text = formatShape(shape, this.#columns, row);
      if (text !== undefined) return text;
    }
    return this.#named(row);
  }

  #named(row: number): string {
    const parts: string[] = [];
    for (const column of this.#kind.columns) {
      if (!column.has(row)) continue;
      // What an unknown event says before its first `name=`.
      if (!this.#kind.known && column.field.name === 'args') parts.unshift(column.text(row));
      else parts.push(`${writtenName(column.field.name)}=${valueText(column.field, column, row)}`);
    }
    return parts.join(' ');
  }
}

function valueText(field: FieldDef, column: Column, row: number): string {
  if (field.type === 'bytes') {
    return `ARRAY[${hexPairs(column.text(row)).join(', ')}]`;
  }
  if (isInterned(field)) return column.text(row);
  return field.type === 'u64' || field.raw === 'hex' ? `0x${hexText(column, row)}` : decimalText(column, row);
}

/** Reports of lost events, each before the event that it precedes. */
class LossLines {
  /** Events overwritten before the trace was read, of all CPUs. */
  readonly overwritten: number;
  #waiting: { cpu: number; time: number; line: string }[] = [];

  constructor(trace: Trace) {
    let overwritten = 0;
    for (const { cpu, events, beforeTime } of trace.diagnostics.losses) {
      if (cpu < 0) overwritten += events ?? 0;
      else {
        const line = `CPU:${cpu} [LOST ${events === undefined ? '' : `${events} `}EVENTS]\n`;
        this.#waiting.push({ cpu, time: beforeTime ?? Infinity, line });
      }
    }
    this.overwritten = overwritten;
  }

  before(cpu: number, time: number): string {
    if (this.#waiting.length === 0) return '';
    const due = this.#waiting.filter((loss) => loss.cpu === cpu && loss.time <= time);
    if (due.length > 0) this.#waiting = this.#waiting.filter((loss) => !due.includes(loss));
    return due.map((loss) => loss.line).join('');
  }

  rest(): string {
    return this.#waiting.map((loss) => loss.line).join('');
  }
}

function heading(trace: Trace, overwritten: number): string {
  const cpus = trace.meta.cpus ?? trace.cpus().length;
  return `# tracer: nop
#
# entries-in-buffer/entries-written: ${trace.length}/${trace.length + overwritten}   #P:${cpus}
#
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
`;
}

/** Writes the time of an event, 12 characters or more. */
function stamper(trace: Trace, digits: 6 | 9): (event: number) => string {
  if (trace.meta.timeUnit === 'ticks') return (event) => `${trace.stampOf(event)}`.padStart(12);
  const perSecond = 10 ** digits;
  const step = 1e9 / perSecond;
  const seconds = trace.origin / 1_000_000_000n;
  const rest = Number(trace.origin % 1_000_000_000n);
  return (event) => {
    const steps = Math.floor((trace.time[event] + rest + step / 2) / step);
    const whole = Math.floor(steps / perSecond);
    const fraction = `${steps - whole * perSecond}`.padStart(digits, '0');
    return `${`${BigInt(whole) + seconds}`.padStart(5)}.${fraction}`;
  };
}

function oneLine(text: string): string {
  return /[\n\r]/.test(text) ? text.replaceAll(/[\n\r]/g, ' ') : text;
}

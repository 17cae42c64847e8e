/**
 * Lines that are no events: headings, reports of lost events, stacks, and what nobody understands.
 */
import type { TraceBuilder } from '../../store/builder.js';
import { latin1 } from '../../store/strings.js';
import { MOST_CPU } from './head.js';
import type { TextLayout } from './detect.js';

const HASH = 35;
const TAB = 9;
/** Bytes of a line that are looked at. */
const LOOKED_AT = 512;

/**
 * tracefs: `CPU:1 [LOST 5 EVENTS]`, without a number where the kernel does not know; trace-cmd: `[5 EVENTS
 * DROPPED]`.
 */
const lossLine = /^(?:.*: )? *CPU: ?(\d+) \[(?:LOST (?:(\d+) )?EVENTS|(?:(\d+) )?EVENTS DROPPED)\]$/;
const perfLossLine = /\[(\d+)\] +[\d.]+: PERF_RECORD_LOST(?:_SAMPLES)? lost (\d+)$/;
const entriesLine = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+) +#P:(\d+)/;
const traceCmdHeading = /^(?: *\S+: )? *(?:cpus=(\d+)|version = \d+|CPU \d+ is empty)$/;
const perfRecord = /: PERF_RECORD_\w+/;
const stackLine = /^\s+[0-9a-f]+ .*\(.*\)$/;

interface PendingLoss {
  /** -1: any CPU. */
  readonly cpu: number;
  readonly events: number | undefined;
}

export class OtherLines {
  /** Losses whose next event has not come yet. */
  pendingLosses = 0;
  readonly #builder: TraceBuilder;
  readonly #layout: TextLayout;
  #pending: PendingLoss[] = [];

  constructor(builder: TraceBuilder, layout: TextLayout) {
    this.#builder = builder;
    this.#layout = layout;
  }

  /** What the line [start, end) is. */
  read(bytes: Uint8Array, start: number, end: number, lineNumber: number): 'losses' | 'headings' | 'unknown' {
    const line = latin1(bytes, start, Math.min(end, start + LOOKED_AT)).trimEnd();
    if (line === '') return 'headings';
    if (this.#layout === 'perf') {
      if (this.#perfLoss(line)) return 'losses';
      if (bytes[start] === TAB || bytes[start] === HASH || stackLine.test(line) || perfRecord.test(line))
        return 'headings';
    } else {
      if (this.#loss(line)) return 'losses';
      if (bytes[start] === HASH ? this.#comment(line) : this.#heading(line)) return 'headings';
    }
    this.unknown('no event line', lineNumber, line);
    return 'unknown';
  }

  unknown(reason: string, lineNumber: number, sample: string): void {
    const { diagnostics } = this.#builder;
    diagnostics.count(diagnostics.unknownLines, reason, lineNumber, sample.trim());
  }

  /** An event of `cpu` came after losses. */
  resolveLosses(cpu: number, time: number): void {
    this.#pending = this.#pending.filter((loss) => {
      if (loss.cpu !== cpu && loss.cpu >= 0) return true;
      this.#builder.diagnostics.addLoss(loss.cpu, loss.events, time);
      return false;
    });
    this.pendingLosses = this.#pending.length;
  }

  /** The text is over. */
  finish(): void {
    for (const { cpu, events } of this.#pending) this.#builder.diagnostics.addLoss(cpu, events);
    this.#pending = [];
    this.pendingLosses = 0;
  }

  #addPending(cpu: number, events: number | undefined): void {
    this.pendingLosses = this.#pending.push({ cpu, events });
  }

  #loss(line: string): boolean {
    const found = lossLine.exec(line);
    if (!found || Number(found[1]) > MOST_CPU) return false;
    const events = found[2] ?? found[3];
    this.#addPending(Number(found[1]), events === undefined ? undefined : Number(events));
    return true;
  }

  #perfLoss(line: string): boolean {
    const found = perfLossLine.exec(line);
    if (!found || Number(found[1]) > MOST_CPU) return false;
    this.#addPending(Number(found[1]), Number(found[2]));
    return true;
  }

  /** A comment of tracefs; one of them says how much of the trace was overwritten. */
  #comment(line: string): boolean {
    const found = entriesLine.exec(line);
    if (!found) return true;
    const lost = Number(found[2]) - Number(found[1]);
    this.#builder.meta.cpus = Number(found[3]);
    if (lost > 0) this.#addPending(-1, lost);
    return true;
  }

  #heading(line: string): boolean {
    const found = traceCmdHeading.exec(line);
    if (!found) return false;
    if (found[1] !== undefined) this.#builder.meta.cpus = Number(found[1]);
    return true;
  }
}

/**
 * Reads trace text of any layout, streaming, into a TraceBuilder: the entrance to this folder.
 */
import { InputError } from '../../errors.js';
import type { TraceBuilder } from '../../store/builder.js';
import type { StreamReader } from '../source.js';
import { detectTextLayout, looksLike, type TextLayout } from './detect.js';
import { LineFeeder } from './lines.js';
import { type LineCounts, TextParser } from './parser.js';

/** Bytes in which the first event must be. */
const HEAD = 1 << 20;
/** Bytes after which the layout is looked for first. */
const FIRST_LOOK = 1 << 16;

export class TextReader implements StreamReader {
  readonly #builder: TraceBuilder;
  readonly #layout: TextLayout | undefined;
  #running: { readonly parser: TextParser; readonly feeder: LineFeeder } | undefined;
  /** The beginning of the input, kept until the layout is known. */
  #head = new Uint8Array(0);
  #headLength = 0;
  /** Bytes handed to the parser. */
  #fed = 0;

  /** @param layout skips telling the layout from the first lines */
  constructor(builder: TraceBuilder, layout?: TextLayout) {
    this.#builder = builder;
    this.#layout = layout;
  }

  /** Lines read so far, by sort. */
  get counts(): Readonly<LineCounts> {
    return this.#running?.parser.counts ?? { events: 0, losses: 0, headings: 0, unknown: 0 };
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    for (const size of [FIRST_LOOK, HEAD]) {
      if (this.#running) break;
      if (this.#headLength >= size) continue;
      rest = this.#fillHead(rest, size);
      if (this.#headLength < size) return;
      this.#tryStart();
    }
    if (!this.#running) throw this.#noEvents();
    this.#feed(rest);
  }

  finish(): void {
    if (!this.#running) this.#tryStart();
    if (!this.#running) throw this.#noEvents();
    const { feeder, parser } = this.#running;
    const cut = feeder.finish();
    if (parser.counts.events === 0) throw this.#noEvents();
    if (cut) {
      this.#builder.diagnostics.addDamage(
        `the text ends inside line ${parser.lineNumber}: its last value may be cut short, and more may be missing`,
      );
    }
    parser.finish();
  }

  /** Copy bytes to the head until it holds `size`; returns the rest. */
  #fillHead(chunk: Uint8Array, size: number): Uint8Array {
    const length = Math.min(chunk.length, size - this.#headLength);
    const needed = this.#headLength + length;
    if (needed > this.#head.length) {
      const bigger = new Uint8Array(Math.max(2 * this.#head.length, needed));
      bigger.set(this.#head);
      this.#head = bigger;
    }
    this.#head.set(chunk.subarray(0, length), this.#headLength);
    this.#headLength = needed;
    return chunk.subarray(length);
  }

  /** Begin to parse if the head shows how. */
  #tryStart(): void {
    const head = this.#head.subarray(0, this.#headLength);
    const layout = this.#layout ?? detectTextLayout(head);
    if (!layout) return;
    const parser = new TextParser(this.#builder, layout);
    this.#running = { parser, feeder: new LineFeeder(parser) };
    this.#feed(head);
  }

  #feed(chunk: Uint8Array): void {
    const { feeder, parser } = this.#running ?? {};
    if (!feeder || !parser) return;
    const part = this.#fed < HEAD ? chunk.subarray(0, HEAD - this.#fed) : chunk;
    feeder.push(part);
    const wasHead = this.#fed < HEAD;
    this.#fed += part.length;
    if (wasHead && this.#fed >= HEAD && parser.counts.events === 0) throw this.#noEvents();
    if (part.length < chunk.length) feeder.push(chunk.subarray(part.length));
  }

  #noEvents(): InputError {
    const where = this.#headLength >= FIRST_LOOK ? ' in its first MiB' : '';
    const head = this.#head.subarray(0, this.#headLength);
    return new InputError(
      `no event line${where}: this looks like ${looksLike(head)}; give trace text as tracefs, trace-cmd` +
        ' report or perf script print it',
    );
  }
}

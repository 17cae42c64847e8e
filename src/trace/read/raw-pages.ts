/**
 * Reads raw ring-buffer pages, as `per_cpu/cpuN/trace_pipe_raw` gives them, with formats from elsewhere.
 */
import type { TraceBuilder } from '../store/builder.js';
import { aligned } from './aligned.js';
import type { FormatRegistry } from './format-file.js';
import { CpuCursor, type PageLayout, type PageSupply } from './ring/cpu-cursor.js';
import { EventDecoder } from './ring/decoder.js';
import { mergeEvents } from './ring/merge.js';
import { originOf, stampOf } from './ring/origin.js';
import { taskLookup } from './ring/tasks.js';
import type { ByteSource } from './source.js';

/** Pages of one CPU. */
export interface RawCpu {
  readonly cpu: number;
  readonly source: ByteSource;
}

export interface RawRecording {
  readonly cpus: readonly RawCpu[];
  readonly formats: FormatRegistry;
  /** comm by tid, from saved_cmdlines. */
  readonly comms: ReadonlyMap<number, string>;
  readonly pageSize: number;
  /** Name of the trace clock, '' when unknown. */
  readonly clock: string;
  /** Kernel release, when known. */
  readonly kernel?: string;
}

const PAGES_AT_A_TIME = 64;
/** Where data starts in a page of a 64-bit kernel. */
const DATA_OFFSET = 16;

/** Decode every page of every CPU into the builder. */
export function readRawPages(recording: RawRecording, builder: TraceBuilder, onStep?: () => void): void {
  const { pageSize, clock, kernel } = recording;
  builder.meta = {
    ...builder.meta,
    format: 'raw ring-buffer pages',
    clock,
    pageSize,
    cpus: recording.cpus.length,
    resolution: 1,
    ...(kernel === undefined ? {} : { kernel }),
  };
  builder.origin = originOf(recording.cpus.flatMap(({ source }) => stampOf(source.read(0, 8))));
  const layout: PageLayout = { pageSize, dataOffset: DATA_OFFSET, origin: builder.origin };
  const decoder = new EventDecoder(builder, recording.formats);
  const taskOf = taskLookup(recording.comms, builder);
  const inputs = recording.cpus.map(({ cpu, source }) => ({
    cursor: new CpuCursor(cpu, new PlainPages(source, 0, source.size, pageSize), layout, builder.diagnostics),
    decoder,
    buffer: 0,
    taskOf,
  }));
  mergeEvents(inputs, builder, onStep);
}

/** Pages that lie in a source as they are, from `offset` on. */
export class PlainPages implements PageSupply {
  #at = 0;
  /** Read into again and again: the pages before are decoded by then. */
  #block: Uint8Array | undefined;

  constructor(
    private readonly source: ByteSource,
    private readonly offset: number,
    private readonly size: number,
    private readonly pageSize: number,
  ) {}

  next(): Uint8Array | undefined {
    const length = Math.min(this.pageSize * PAGES_AT_A_TIME, this.size - this.#at);
    if (length <= 0) return undefined;
    this.#block ??= new Uint8Array(Math.min(this.size, this.pageSize * PAGES_AT_A_TIME));
    const block = this.source.read(this.offset + this.#at, length, this.#block);
    this.#at += length;
    return block.length === 0 ? undefined : aligned(block);
  }
}

/** A trace.dat from pages that were drained into files, one for each CPU. */
import { FileSource } from '../../files/file-source.js';
import { Diagnostics } from '../../trace/store/diagnostics.js';
import { PlainPages } from '../../trace/read/raw-pages.js';
import { CpuCursor } from '../../trace/read/ring/cpu-cursor.js';
import {
  writeBuffer,
  writeFacts,
  writeTexts,
  type DatFacts,
  type DatTexts,
} from '../../trace/write/dat-parts.js';
import { SectionWriter } from '../../trace/write/dat-sections.js';
import type { PatchableSink } from '../../trace/write/sink.js';

/** Bytes copied at a time. */
const COPY = 1 << 20;
/** Of an event: its number, the first two bytes. */
const ID_MASK = 0xffff;
/** Where data begins in a page of a 64-bit kernel. */
const DATA_OFFSET = 16;

export interface DrainedPages {
  readonly cpu: number;
  readonly file: string;
}

export interface DatParts {
  readonly facts: DatFacts;
  readonly texts: DatTexts;
  readonly clock: string;
  readonly pageBytes: number;
  readonly pages: readonly DrainedPages[];
}

/** @returns bytes written */
export function composeDat(sink: PatchableSink, { facts, texts, clock, pageBytes, pages }: DatParts): number {
  const out = new SectionWriter(sink);
  const optionsAt = out.fileHeader(pageBytes);
  writeFacts(out, facts);
  writeTexts(out, texts);
  const plan = { name: '', clock, pageSize: pageBytes, cpus: pages.map(({ cpu }) => cpu) };
  writeBuffer(out, plan, (cpu) => blocksOf(pages.find((each) => each.cpu === cpu)));
  out.options(optionsAt);
  return out.position;
}

function* blocksOf(pages: DrainedPages | undefined): Generator<Uint8Array> {
  if (pages === undefined) return;
  const source = new FileSource(pages.file);
  try {
    const block = new Uint8Array(COPY);
    for (let at = 0; at < source.size; at += COPY) yield source.read(at, COPY, block);
  } finally {
    source.close();
  }
}

/** What pages hold. */
export interface PageCounts {
  /** Events by `name`, most first. */
  readonly events: { readonly name: string; readonly count: number }[];
  /** Events that are missing before a page, where the kernel counted them. */
  readonly lost: number;
  /** Places where it did not count them, and whatever is damaged: one sentence each. */
  readonly notes: readonly string[];
}

/** Counts without decoding: only the numbers of events are looked at. */
export function countPages({ texts, pageBytes, pages }: DatParts): PageCounts {
  const byId = new Float64Array(ID_MASK + 1);
  const diagnostics = new Diagnostics();
  for (const { cpu, file } of pages) {
    const source = new FileSource(file);
    try {
      const supply = new PlainPages(source, 0, source.size, pageBytes);
      const layout = { pageSize: pageBytes, dataOffset: DATA_OFFSET, origin: 0n };
      const cursor = new CpuCursor(cpu, supply, layout, diagnostics);
      while (cursor.advance()) byId[cursor.words[cursor.at >>> 2] & ID_MASK]++;
    } finally {
      source.close();
    }
  }
  const names = namesById(texts);
  const events = [...byId].flatMap((count, id) =>
    count === 0 ? [] : [{ name: names.get(id) ?? `event ${id}`, count }],
  );
  const uncounted = diagnostics.losses.filter((loss) => loss.events === undefined).length;
  return {
    events: events.sort((a, b) => b.count - a.count),
    lost: diagnostics.losses.reduce((sum, loss) => sum + (loss.events ?? 0), 0),
    notes: [
      ...(uncounted === 0
        ? []
        : [`events are missing before ${uncounted} more page(s), which the kernel did not count`]),
      ...diagnostics.damage,
    ],
  };
}

/** `system:name` of the events whose formats there are. */
function namesById({ formats }: DatTexts): Map<number, string> {
  const names = new Map<number, string>();
  for (const [system, texts] of formats) {
    for (const text of texts) {
      const name = /^name: (\S+)$/m.exec(text)?.[1];
      const id = /^ID: (\d+)$/m.exec(text)?.[1];
      if (name !== undefined && id !== undefined) names.set(Number(id), `${system}:${name}`);
    }
  }
  return names;
}

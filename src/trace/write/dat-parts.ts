/**
 * The parts of a trace.dat version 7 that are the same wherever its pages come from: facts about the
 * recording, formats, names of threads, and the frame around the pages.
 */
import type { SectionWriter } from './dat-sections.js';

const OPTION = {
  statistics: 2,
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

/** Facts about a recording. */
export interface DatFacts {
  /** The `trace_clock` file: all clocks, the one in use in brackets. */
  readonly clocks: string;
  /** What `uname -r` says. */
  readonly kernel: string;
  readonly cpus: number;
  /** The `per_cpu/cpuN/stats` files, each after a line `CPU: N`. */
  readonly statistics?: readonly string[];
}

/** Texts of tracefs that readers need to understand pages. */
export interface DatTexts {
  /** events/header_page */
  readonly headerPage: string;
  /** events/header_event */
  readonly headerEvent: string;
  /** Format files by system; those of the system `ftrace` are the kernel's built-in events. */
  readonly formats: ReadonlyMap<string, readonly string[]>;
  /** Lines of /proc/kallsyms; '' where addresses need no names. */
  readonly kallsyms: string;
  /** `tid comm` lines, as saved_cmdlines has them. */
  readonly comms: string;
}

/** Put the facts into the options. */
export function writeFacts(out: SectionWriter, { clocks, kernel, cpus, statistics = [] }: DatFacts): void {
  out.optionText(OPTION.clock, clocks);
  out.optionText(OPTION.uname, `Linux (none) ${kernel} x86_64`);
  out.optionText(OPTION.version, 'faultline');
  out.optionU32(OPTION.cpus, cpus);
  for (const text of statistics) out.optionText(OPTION.statistics, text);
}

/** Write the sections of texts. */
export function writeTexts(out: SectionWriter, texts: DatTexts): void {
  const { headerPage, headerEvent, formats, kallsyms, comms } = texts;
  const headers = out.section(OPTION.headers);
  headers.text('header_page\0').sizedText(headerPage);
  headers.text('header_event\0').sizedText(headerEvent).end();
  const builtIn = formats.get('ftrace') ?? [];
  const ftrace = out.section(OPTION.ftraceEvents).u32(builtIn.length);
  for (const format of builtIn) ftrace.sizedText(format);
  ftrace.end();
  const systems = [...formats].filter(([system]) => system !== 'ftrace');
  const section = out.section(OPTION.formats).u32(systems.length);
  for (const [system, list] of systems) {
    section.text(`${system}\0`).u32(list.length);
    for (const format of list) section.sizedText(format);
  }
  section.end();
  out.section(OPTION.kallsyms).u32(kallsyms.length).text(kallsyms).end();
  out.section(OPTION.printk).u32(0).end();
  out.section(OPTION.cmdlines).sizedText(comms).end();
}

export interface DatBufferPlan {
  /** '' for the main one. */
  readonly name: string;
  readonly clock: string;
  readonly pageSize: number;
  readonly cpus: readonly number[];
}

/** Write the pages of one ring buffer, CPU after CPU, each at a multiple of the page size. */
export function writeBuffer(
  out: SectionWriter,
  plan: DatBufferPlan,
  pagesOf: (cpu: number) => Iterable<Uint8Array>,
): void {
  const start = out.startData(OPTION.buffer);
  const places = plan.cpus.map((cpu) => {
    out.padTo(plan.pageSize);
    const offset = out.position;
    for (const pages of pagesOf(cpu)) out.raw(pages);
    return { cpu, offset, size: out.position - offset };
  });
  out.endData(start);
  const option = out.option(OPTION.buffer).u64(start).text(`${plan.name}\0${plan.clock}\0`);
  option.u32(plan.pageSize).u32(places.length);
  for (const place of places) option.u32(place.cpu).u64(place.offset).u64(place.size);
}

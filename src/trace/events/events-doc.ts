/**
 * docs/events.md, rendered from the event table.
 */
import { eventTable } from './index.js';
import { symbolTables } from './symbols.js';
import type { EventDef, FieldDef } from './types.js';

/** What each system is about, in the order of the document. */
const systems: ReadonlyMap<string, string> = new Map([
  ['kvm', 'Guests entering and leaving, notifiers of the primary MMU, emulation, clocks.'],
  ['kvmmmu', 'KVM’s MMU: shadow pages, entries, walks of guest page tables.'],
  ['lock', 'Contention, the view that sees `mmu_lock`; and lockdep, where the kernel has it.'],
  ['sched', 'Who runs, who is woken, who moves, and NUMA balancing of tasks.'],
  ['ipi', 'Interrupts sent between CPUs: KVM’s kicks and remote flushes among them.'],
  ['csd', 'Function calls queued for other CPUs, from queue to end.'],
  ['irq_vectors', 'The handlers of such interrupts.'],
  ['tlb', 'TLB flushes of the primary MMU.'],
  ['migrate', 'Pages that move, for NUMA balancing, compaction and others.'],
  ['ksm', 'Equal pages that are merged.'],
  ['huge_memory', 'khugepaged.'],
  ['vmscan', 'Reclaim.'],
  ['mmap_lock', 'The lock of a process’s address space, which is taken outside `mmu_lock`.'],
  ['damon', 'DAMON’s monitoring and schemes.'],
  [
    'faultline',
    'Events that no kernel has: the model emits them. A recording never holds them; there `explain`' +
      ' **infers** them and marks every one as inferred.',
  ],
]);

/** Text for a table cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|');

/** A shape as inline code; table names inside keep their braces. */
const code = (text: string): string => `\`${text}\``;

function versions(part: { since?: string | undefined; until?: string | undefined }, plain: string): string {
  const since = part.since === 'v5.10' ? undefined : part.since;
  if (since && part.until) return since === part.until ? since : `${since} to ${part.until}`;
  if (since) return `since ${since}`;
  return part.until ? `until ${part.until}` : plain;
}

function fieldRow(field: FieldDef): string {
  const earlier = (field.earlier ?? []).map((form) => `; ${code(form.ctype)} until ${form.until}`).join('');
  const raw = field.raw === 'hex' ? 'hex' : field.raw === 'signed' ? 'signed' : '';
  const cells = [
    code(field.name),
    code(field.ctype) + earlier,
    field.type,
    field.unit ?? '',
    raw,
    versions(field, ''),
  ];
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** `isa` is 2, `immediate_exit` is 0: what a shape says about fields that it does not print. */
function impliedText(event: EventDef, index: number): string {
  const values = event.implied?.[index]?.filter((one) => one.mask === undefined) ?? [];
  if (values.length === 0) return '';
  return ` (${values.map((one) => `${code(one.field)} is ${one.value}`).join(', ')})`;
}

/** The most shapes shown of an event; kvm_mmu_set_spte has sixteen that differ in four letters. */
const SHOWN_SHAPES = 10;

function shapeLines(event: EventDef): string[] {
  const lines = event.print
    .slice(0, SHOWN_SHAPES)
    .map((shape, index) => `* ${code(shape)}${impliedText(event, index)}`);
  const left = event.print.length - SHOWN_SHAPES;
  return left > 0 ? [...lines, `* and ${left} more of the same kind`] : lines;
}

function eventSection(event: EventDef): string {
  const kernels = event.system === 'faultline' ? 'no kernel' : versions(event, 'all kernels');
  const order = event.earlierOrder;
  return [
    `### ${event.name}`,
    '',
    event.meaning,
    '',
    `Kernels: ${kernels}.`,
    '',
    '| field | C type | kept as | unit | -R | kernels |',
    '| --- | --- | --- | --- | --- | --- |',
    ...event.fields.map(fieldRow),
    '',
    ...(order ? [`Until ${order.until} the fields came as ${order.names.map(code).join(', ')}.`, ''] : []),
    'Text:',
    '',
    ...shapeLines(event),
    '',
  ].join('\n');
}

const introduction = `# Events

<!-- Generated from src/trace/events by \`npm run docs\`. Change the table there, not this file. -->

Every tracepoint that Faultline knows. All readers and writers, the event store and the explanations use this
table; an event that is not in it is kept with the fields that its recording describes.

* **C type** is the declaration in the kernel’s \`format\` file, **kept as** the type in the store.
* **-R** says how \`trace-cmd report -R\` shows a number without \`0x\`: \`hex\`, \`signed\`,
  or decimal (empty).
* **kernels** is empty where a field is as old as its event. Layouts were read from Linux 5.10, 6.1, 6.12,
  6.18, 7.2 and 7.3; a change between two of these is dated by the first that has it, unless its version is
  known.
* **Text** lists the printed forms: the newest kernel’s first, which is the one that is written, then those of
  older kernels and of trace-cmd’s plugins. \`{f}\` is decimal, \`{f:x}\` hex, \`{f:s}\` text, \`{f:ptr}\` a
  pointer, \`{f:sym=T}\` and \`{f:flags=T}\` words of a table below, \`{?}\` text that is not kept. A field
  that a form neither prints nor implies is unknown in traces of that form.
`;

function systemSection(system: string): string {
  const events = eventTable.filter((event) => event.system === system);
  return [`## ${system}`, '', systems.get(system) ?? '', '', ...events.map(eventSection)].join('\n');
}

/** Anchors of headings as GitHub makes them: the second of a name gets `-1`. */
function anchorsOf(headings: readonly string[]): string[] {
  return headings.map((heading, at) => {
    const before = headings.slice(0, at).filter((other) => other === heading).length;
    return before === 0 ? heading : `${heading}-${before}`;
  });
}

function contents(names: readonly string[]): string {
  const anchors = anchorsOf(eventTable.map((event) => event.name));
  const rows = names.map((system) => {
    const links = eventTable
      .flatMap((event, at) => (event.system === system ? [`[${event.name}](#${anchors[at]})`] : []))
      .join(', ');
    return `| [${system}](#${system}) | ${links} |`;
  });
  return ['| system | events |', '| --- | --- |', ...rows, ''].join('\n');
}

function symbolSection(): string {
  const rows = symbolTables.map((table) => {
    const words = table.entries
      .map(([value, name]) => `${hexOrDecimal(table.kind, value)} ${name}`)
      .join(', ');
    return `| ${code(table.name)} | ${cell(words) || 'made from parts of the number'} |`;
  });
  return [
    '## Words',
    '',
    'Numbers that texts show as words.',
    '',
    '| table | words |',
    '| --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

const hexOrDecimal = (kind: string, value: number): string =>
  kind === 'flags' || value > 0xff ? `0x${value.toString(16)}` : String(value);

/** The whole of docs/events.md, as Markdown. */
export function renderEventsDoc(): string {
  const names = [...new Set(eventTable.map((event) => event.system))];
  return [introduction, contents(names), ...names.map(systemSection), symbolSection()].join('\n');
}

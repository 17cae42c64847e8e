/**
 * The table against the truth: format sections inside recordings, and this host's tracefs.
 *
 * Format files are read with a small pattern of their own here, so that a mistake of the product's parser
 * cannot hide one of the table.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { hostToItself } from '../../../test/support/host-to-itself.js';
import { withTracefs } from '../../../test/support/tracefs.js';
import { requires, sharedFolder } from '../../../test/requires.js';
import { eventTable, findEvent } from './index.js';
import type { EventDef, FieldDef, FieldType } from './types.js';

/** A field as a format file has it. */
interface RealField {
  readonly name: string;
  readonly ctype: string;
  readonly size: number;
  readonly signed: boolean;
}

const numberSizes = { u8: 1, s8: 1, bool: 1, u16: 2, s16: 2, u32: 4, s32: 4, u64: 8, s64: 8 };
/** Interned types have no size of their own: 0. */
const sizeOf: Record<FieldType, number> = { ...numberSizes, string: 0, bytes: 0, cpumask: 0 };

/** Fields of one format text, common ones left out. */
function realFields(format: string): RealField[] {
  const lines = format.matchAll(
    /field:([^;]+?)(\w+)(\[\d+\])?;\s*offset:\d+;\s*size:(\d+);\s*signed:([01]);/g,
  );
  return [...lines]
    .map(([, before, name, array = '', size, signed]) => ({
      name: name ?? '',
      ctype: `${before?.trim()}${array}`,
      size: Number(size),
      signed: signed === '1',
    }))
    .filter((field) => !field.name.startsWith('common_'));
}

const versionNumber = (version: string): number => {
  const [major = 0, minor = 0] = version.replace('v', '').split('.').map(Number);
  return major * 1000 + minor;
};

const covers = (part: { since?: string; until?: string }, version: number): boolean =>
  versionNumber(part.since ?? 'v0.0') <= version && version <= versionNumber(part.until ?? 'v999.0');

/** The form that the table gives the field in this kernel. */
function formAt(field: FieldDef, version: number): { type: FieldType; ctype: string } {
  return field.earlier?.find((form) => version <= versionNumber(form.until)) ?? field;
}

/** Compare one event with its real format. */
function compare(event: EventDef, format: string, version: number): void {
  const real = realFields(format);
  const known = event.fields.filter((field) => covers(field, version));
  const older = event.earlierOrder && version <= versionNumber(event.earlierOrder.until);
  const names = older ? event.earlierOrder?.names : known.map((field) => field.name);
  expect(real.map((field) => field.name)).toEqual(names);
  for (const found of real) {
    const field = known.find((one) => one.name === found.name);
    if (!field) throw new Error(`no field ${found.name}`);
    const form = formAt(field, version);
    expect(`${found.name}: ${found.ctype}`).toBe(`${field.name}: ${form.ctype}`);
    if (sizeOf[form.type] === 0) continue;
    expect(`${found.name}: ${found.size} bytes`).toBe(`${field.name}: ${sizeOf[form.type]} bytes`);
    // Kernels say of `bool` that it is unsigned, and so is the type.
    expect(`${found.name}: ${found.signed}`).toBe(`${field.name}: ${form.type.startsWith('s')}`);
  }
}

/** Conversions of a print format: `x16` for %016llx, `d`, `s`, `ptr`; %#016lx counts behind its 0x. */
function conversionsOf(format: string): string[] {
  const found = format.matchAll(/%(#?)0?(\d*)(?:ll|[lL])?([duxXpsi])[sS]?/g);
  return [...found].map(([, prefix, width, letter = '']) => {
    if (letter === 'p') return 'ptr';
    if (letter === 's') return 's';
    if (letter.toLowerCase() !== 'x') return 'd';
    return `x${width ? Number(width) - (prefix ? 2 : 0) : ''}`;
  });
}

/** The same of a shape; `?` goes with everything. */
function shapeConversions(shape: string): string[] {
  const found = shape.replaceAll(/\{\{|\}\}/g, '').matchAll(/\{(\?|\w+)(?::([^}]*))?\}/g);
  return [...found].map(([, name, how]) => {
    if (name === '?') return '?';
    if (how === undefined) return 'd';
    const hex = /^(?:0(\d+))?x$/.exec(how);
    if (hex) return `x${hex[1] ? Number(hex[1]) : ''}`;
    return how === 'ptr' ? 'ptr' : 's';
  });
}

/** Literal parts of a format or shape, conversions cut out. */
function literals(text: string, conversion: RegExp): string[] {
  const parts = text.replaceAll('0x', '').split(conversion);
  return parts.map((part) => part.replaceAll(/ +/g, ' ').trimEnd());
}

/** Compare the shapes with the kernel's print format; those that an expression decides have no fixed form. */
function compareText(event: EventDef, format: string): boolean {
  const [, text = '', values = ''] = /print fmt: "((?:[^"\\]|\\.)*)"(.*)/s.exec(format) ?? [];
  if (/\? "|\(\{| == /.test(values)) return false;
  const wanted = conversionsOf(text);
  const wantedLiterals = literals(text, /%[-#0-9]*(?:ll|[lL])?[duxXpsi][sS]?/);
  const fits = event.print.some((shape) => {
    const has = shapeConversions(shape);
    const same = has.length === wanted.length && wanted.every((one, i) => has[i] === one || has[i] === '?');
    const words = literals(shape.replaceAll('{{', '<').replaceAll('}}', '>'), /\{[^}]*\}/);
    return same && words.join('|') === wantedLiterals.join('|').replaceAll('{', '<').replaceAll('}', '>');
  });
  expect(fits ? text : event.print).toBe(text);
  return true;
}

/** Recordings with the kernel that made them. */
const recordings = [
  ['v6.1-voluntary-madvise.dat.xz', 'v6.1'],
  ['v6.12-full-ksm.dat.xz', 'v6.12'],
  ['v6.12-full-madvise.dat.xz', 'v6.12'],
  ['v7.2-lazy-ksm.dat.xz', 'v7.2'],
  ['pvm/run.v7-zstd.dat', 'v6.18'],
] as const;

const scratch = mkdtempSync(join(tmpdir(), 'faultline-formats-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** `name` and format text of every event that a recording describes. */
function formatsOf(recording: string): [name: string, format: string][] {
  let file = join(sharedFolder, 'traces', recording);
  if (file.endsWith('.xz')) {
    const bytes = execFileSync('xz', ['-dc', file], { maxBuffer: 1 << 28 });
    file = join(scratch, 'recording.dat');
    writeFileSync(file, bytes);
  }
  const dump = execFileSync('trace-cmd', ['dump', '--events', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return dump
    .split(/^name: /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text]);
}

const recorded = requires('trace-cmd', 'xz', 'shared');

recorded.describe('formats inside recordings', () => {
  recorded.it.each(recordings)('%s agrees with the table', (recording, kernel) => {
    const version = versionNumber(kernel);
    let compared = 0;
    let texts = 0;
    for (const [name, format] of formatsOf(recording)) {
      const event = findEvent(name) ?? findEvent(name, 'lock');
      if (!event) continue;
      expect(`${name} ${covers(event, version)}`).toBe(`${name} true`);
      compare(event, format, version);
      compared++;
      if (compareText(event, format)) texts++;
    }
    expect(compared).toBeGreaterThan(20);
    expect(texts).toBeGreaterThan(15);
  });
});

const hostVersion = versionNumber(`v${/^\d+\.\d+/.exec(release())?.[0] ?? '0.0'}`);
const formatFile = (event: EventDef): string =>
  join('/sys/kernel/tracing/events', event.system, event.name, 'format');

/** Kernels whose layouts the table was read from; between them its versions are bounds, not facts. */
const layoutsRead = ['v5.10', 'v6.1', 'v6.12', 'v6.18', 'v7.2', 'v7.3'].map(versionNumber);
const strict = layoutsRead.includes(hostVersion);

const host = requires('tracing');

host.describe('formats of this host’s tracefs', () => {
  hostToItself();
  withTracefs();
  const present = (): EventDef[] => eventTable.filter((event) => existsSync(formatFile(event)));

  host.it('are those of the table', () => {
    const events = present();
    expect(events.length).toBeGreaterThan(50);
    for (const event of events) {
      const format = readFileSync(formatFile(event), 'utf8');
      if (strict) {
        compare(event, format, hostVersion);
        compareText(event, format);
      }
      const known = new Set(event.fields.map((field) => field.name));
      expect([event.name, realFields(format).some((field) => known.has(field.name))]).toEqual([
        event.name,
        true,
      ]);
    }
  });

  host.it('has no event that the table says this kernel lacks', () => {
    const wrong = present().filter((event) => strict && !covers(event, hostVersion));
    expect(wrong.map((event) => event.name)).toEqual([]);
  });
});

/**
 * A folder of raw ring-buffer pages, laid out like tracefs:
 *
 *     per_cpu/cpu0/trace_pipe_raw      pages of CPU 0 (or cpu0.raw, cpu0 beside the others)
 *     events/SYSTEM/NAME/format        as copied from tracefs (or formats/SYSTEM/NAME/format)
 *     saved_cmdlines                   optional: comms by tid
 *     trace_clock                      optional: `[local] global ...`
 *     kernel                           optional: the release, as `uname -r` prints it
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../trace/errors.js';
import { parseComms } from '../trace/read/comms.js';
import { FormatRegistry } from '../trace/read/format-file.js';
import type { RawRecording } from '../trace/read/raw-pages.js';
import { FileSource } from './file-source.js';

const DEFAULT_PAGE = 4096;

/** Open the folder; `close` releases its files. */
export function openRawFolder(path: string): { recording: RawRecording; close: () => void } {
  const files = findPages(path);
  if (files.length === 0) {
    throw new InputError('has no raw pages: expected per_cpu/cpuN/trace_pipe_raw or cpuN.raw in it', {
      file: path,
    });
  }
  const formats = readFormats(path);
  if (formats.size === 0) {
    throw new InputError('has no event formats: copy events/ of tracefs (its format files) into the folder', {
      file: path,
    });
  }
  const sources = files.map(({ cpu, file }) => ({ cpu, source: new FileSource(file) }));
  const clock = /\[([^\]]+)\]/.exec(readText(join(path, 'trace_clock')))?.[1] ?? '';
  const kernel = readText(join(path, 'kernel')).trim();
  const recording = {
    cpus: sources,
    formats,
    comms: parseComms(readText(join(path, 'saved_cmdlines'))),
    pageSize: pageSizeOf(path),
    clock,
    ...(kernel === '' ? {} : { kernel }),
  };
  return { recording, close: () => sources.forEach(({ source }) => source.close()) };
}

function findPages(path: string): { cpu: number; file: string }[] {
  const found: { cpu: number; file: string }[] = [];
  const perCpu = join(path, 'per_cpu');
  if (existsSync(perCpu)) {
    for (const name of readdirSync(perCpu)) {
      const file = join(perCpu, name, 'trace_pipe_raw');
      if (/^cpu\d+$/.test(name) && existsSync(file)) found.push({ cpu: Number(name.slice(3)), file });
    }
  }
  for (const name of readdirSync(path)) {
    const match = /^cpu(\d+)(\.raw)?$/.exec(name);
    if (match && statSync(join(path, name)).isFile())
      found.push({ cpu: Number(match[1]), file: join(path, name) });
  }
  return found.sort((a, b) => a.cpu - b.cpu);
}

function readFormats(path: string): FormatRegistry {
  const formats = new FormatRegistry();
  for (const root of ['events', 'formats']) {
    const top = join(path, root);
    if (!existsSync(top)) continue;
    for (const system of foldersIn(top)) {
      for (const event of foldersIn(join(top, system))) {
        const file = join(top, system, event, 'format');
        if (existsSync(file)) formats.add(system, readFileSync(file, 'latin1'));
      }
    }
  }
  return formats;
}

function foldersIn(path: string): string[] {
  const entries = readdirSync(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Page size from the page header's format: where its data starts plus how much there is. */
function pageSizeOf(path: string): number {
  const text = readText(join(path, 'events', 'header_page')) || readText(join(path, 'header_page'));
  const match = /data;\s*offset:(\d+);\s*size:(\d+)/.exec(text);
  return match ? Number(match[1]) + Number(match[2]) : DEFAULT_PAGE;
}

function readText(file: string): string {
  return existsSync(file) ? readFileSync(file, 'latin1') : '';
}

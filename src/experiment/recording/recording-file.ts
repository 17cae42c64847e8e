/** The folder of a recording: chosen, and its recording.json written. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeChunks } from '../../files/output-file.js';
import { SCHED_PREEMPT } from '../../measure/host/settings.js';
import { InputError } from '../../trace/errors.js';
import { recordingSchema, type Recording } from './schema.js';

const FILE = 'recording.json';

/**
 * Where a recording goes; nothing is made yet.
 *
 * @param given by the user; out/measure/NAME-DATE-TIME if not
 * @throws InputError when there is a recording already, or a file of that name
 */
export function recordingFolder(given: string | undefined, scenario: string, now: Date): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const folder = resolve(given ?? join('out', 'measure', `${scenario}-${stamp}`));
  if (existsSync(join(folder, FILE))) {
    throw new InputError('holds a recording already: name another folder', {
      file: given ?? folder,
      field: '--out',
    });
  }
  if (existsSync(folder) && !statSync(folder).isDirectory()) {
    throw new InputError('is a file: name a folder', { file: given ?? folder, field: '--out' });
  }
  return folder;
}

/** A trace.dat of a recording. */
export interface RecordedTrace {
  readonly file: string;
  /** The preemption model that it was recorded under, which no trace tells; undefined when unknown. */
  readonly preempt: string | undefined;
}

/**
 * The traces of a recording, in the order of its runs; undefined when `path` is no folder of a recording.
 *
 * @throws InputError when it has none, or its recording.json is not one
 */
export function tracesOf(path: string): RecordedTrace[] | undefined {
  const file = join(path, FILE);
  if (!existsSync(file)) return undefined;
  const { runs, traceLevel, host, arms } = readRecording(file);
  const traces = runs.flatMap(({ trace, arm }) => {
    if (trace === undefined) return [];
    const changed = arms.find(({ name }) => name === arm)?.settings ?? [];
    const chosen = changed.find((setting) => setting.path === SCHED_PREEMPT)?.value;
    return [{ file: join(path, trace.file), preempt: chosen ?? modelOf(host) }];
  });
  if (traces.length > 0) return traces;
  const why = traceLevel === 'none' ? 'was measured without --trace' : 'no run of it came to its end';
  throw new InputError(`holds no traces: ${why}`, { file });
}

function modelOf({ preemption }: Recording['host']): string | undefined {
  const { model } = (preemption ?? {}) as { model?: unknown };
  return typeof model === 'string' ? model : undefined;
}

/** @throws InputError that names the first field that is wrong */
function readRecording(file: string): Recording {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InputError(`is no JSON (${error instanceof Error ? error.message : String(error)})`, { file });
  }
  const parsed = recordingSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new InputError(message, { file, field: path.join('.') });
}

/** All files of a recording: recording.json, and the traces of its runs in their order. */
export function recordingFiles(folder: string, { runs }: Recording): string[] {
  const traces = runs.flatMap(({ trace }) => (trace === undefined ? [] : [join(folder, trace.file)]));
  return [join(folder, FILE), ...traces];
}

/**
 * Writes recording.json, in one piece: an earlier one is replaced when this one is complete.
 *
 * @returns its path
 */
export async function writeRecording(folder: string, recording: Recording): Promise<string> {
  const path = join(folder, FILE);
  // Whoever reads it may rely on the schema.
  const checked = recordingSchema.parse(recording);
  await writeChunks(path, [`${JSON.stringify(checked, undefined, 2)}\n`]);
  return path;
}

/** The folder of a recording: chosen, and its recording.json written. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeChunks } from '../../files/output-file.js';
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

/**
 * A study file: which recordings to explain and compare.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { InputError } from '../trace/errors.js';
import { CLAIM_IDS } from './claims/claims.js';
import { STUDIES, studyNames } from './study-names.js';
import { readYamlFile } from './yaml-file.js';

const recordingSchema = z.strictObject({
  file: z.string().min(1).describe('trace file, relative to the study file'),
  name: z.string().min(1).describe('what reports call it'),
  preempt: z
    .enum(['none', 'voluntary', 'full', 'lazy', 'rt'])
    .optional()
    .describe('preemption model of the kernel, which no trace file tells'),
  storm: z.string().min(1).describe('what invalidated guest memory, in a few words'),
  description: z.string().min(1).describe('what was done, in a sentence or two'),
});

const studySchema = z.strictObject({
  version: z.literal(1),
  title: z.string().min(1),
  intro: z.string().min(1).describe('what was asked'),
  recordings: z.array(recordingSchema).min(1),
  claims: z.array(z.enum(CLAIM_IDS)).default([]).describe('statements to simulate (src/experiment/claims)'),
});

export type StudyRecordingFile = z.infer<typeof recordingSchema>;
/** A study, its paths resolved. */
export type Study = z.infer<typeof studySchema> & { readonly name: string };

/** Read a study by name (`seed`) or by path (`mine.yaml`). */
export function loadStudy(nameOrPath: string): Study {
  const path = /\.ya?ml$/.test(nameOrPath) ? nameOrPath : join(STUDIES, `${nameOrPath}.yaml`);
  if (path !== nameOrPath && !existsSync(path)) {
    throw new InputError(
      `no study "${nameOrPath}": there are ${studyNames().join(', ')}; or name a .yaml file`,
    );
  }
  const study = readYamlFile(path, studySchema);
  const folder = dirname(resolve(path));
  const recordings = study.recordings.map((recording, index) => {
    const file = resolve(folder, recording.file);
    if (!existsSync(file)) {
      throw new InputError(`no such recording: ${recording.file}`, {
        file: path,
        field: `recordings[${index}].file`,
      });
    }
    return { ...recording, file };
  });
  return { ...study, recordings, name: basename(path).replace(/\.ya?ml$/, '') };
}

/**
 * A study file: which recordings to explain and compare, and which statements to simulate.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { InputError } from '../trace/errors.js';
import { CLAIM_IDS } from './claims/claims.js';
import { scenarioNames } from './scenario/scenario-names.js';
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

const claimSchema = z.enum(CLAIM_IDS, {
  error: ({ input }) =>
    typeof input === 'string'
      ? `there is no claim "${input}": write one of ${CLAIM_IDS.join(', ')}`
      : `write the name of a claim: ${CLAIM_IDS.join(', ')}`,
});

const SCENARIO_NAMES = scenarioNames();

const measureSchema = z.string().refine((name) => SCENARIO_NAMES.includes(name), {
  error: ({ input }) => `there is no scenario "${String(input)}": write one of ${SCENARIO_NAMES.join(', ')}`,
});

function noneTwice(names: readonly string[], context: z.RefinementCtx): void {
  const index = names.findIndex((name, i) => names.indexOf(name) < i);
  if (index < 0) return;
  context.addIssue({ code: 'custom', path: [index], message: `"${names[index]}" is there twice` });
}

const studySchema = z.strictObject({
  version: z.literal(1),
  title: z.string().min(1),
  intro: z.string().min(1).describe('what was asked'),
  recordings: z.array(recordingSchema).min(1),
  claims: z
    .array(claimSchema)
    .superRefine(noneTwice)
    .default([])
    .describe('statements to simulate (src/experiment/claims)'),
  measure: z
    .array(measureSchema)
    .superRefine(noneTwice)
    .default([])
    .describe("scenarios to measure on this host's KVM, where it has one"),
  seeds: z
    .int('must be a whole number')
    .min(2, 'an interval needs two seeds or more')
    .max(100, 'at most 100')
    .default(3)
    .describe('runs of each simulation, with seeds from 1 on'),
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

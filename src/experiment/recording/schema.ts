/**
 * recording.json: what was measured, on what, how the host was meanwhile, and what came out. One schema,
 * from which come the checks, the type and docs/recording.schema.json. A field that is added is optional;
 * anything else is a new version.
 */
import { z } from 'zod';
import { resultSchema, summarySchema } from './result-schema.js';

const count = z.int().min(0);
const texts = z.array(z.string());

const scenario = z.strictObject({
  name: z.string(),
  description: z.string(),
  seed: count.describe('of the first repeat; each repeat adds one'),
  fields: z
    .record(z.string(), z.unknown())
    .describe(
      'the scenario as it was run, what the command line set included: bytes, ns, shares from 0 to 1',
    ),
  leftOut: texts.describe('what could not be honoured here (--lenient)'),
  notes: texts.describe('what was done in the way of this host'),
});

const host = z
  .looseObject({
    kernel: z.string().describe('release'),
    cpus: count,
  })
  .describe('facts about the machine, read before the first run');

const machine = z
  .strictObject({
    kind: z.literal('bench-vm'),
    isEmulated: z.boolean().describe('no processor ran it: counts and shares mean something, times do not'),
    qemu: z.string().describe('version'),
    cpus: count,
    nodes: count,
    memoryMiB: count,
    kernel: z.strictObject({
      name: z.string(),
      sha256: z.string().describe('of its bzImage'),
      from: texts.describe('packages with versions, or files'),
      changes: texts.describe('edits and patches, where it was built'),
    }),
    options: texts.describe('on its command line'),
  })
  .describe('where it was measured, when that was not the host itself');

const setting = z.strictObject({ path: z.string(), before: z.string(), value: z.string() });

const arm = z.strictObject({
  name: z.string().describe('as on the command line; as-is: nothing is changed'),
  settings: z.array(setting).describe('what it changes on the host'),
});

const load = z
  .looseObject({ busy: z.boolean().describe('the host had something else to do') })
  .describe('of the host, during the run');

const trace = z.strictObject({
  file: z.string().describe('beside recording.json'),
  bytes: count,
  lost: count.describe('events that the ring-buffer pages say are missing'),
  overrun: count.describe("events that the kernel's statistics say were dropped"),
  events: z.array(z.strictObject({ name: z.string(), count })).describe('in the file, most first'),
  notes: texts,
});

const run = z.strictObject({
  arm: z.string(),
  repeat: z.int().min(-1).describe('from 0; -1: the warm-up of the arm'),
  attempt: count.describe('how often it was tried before'),
  verdict: z
    .enum(['warm-up', 'counted', 'rejected', 'counted-busy'])
    .describe('rejected: the host was busy, so it was made again; counted-busy: it was busy every time'),
  seed: count,
  startedAt: z.iso.datetime(),
  load,
  settings: z.array(setting).describe('what storms changed on the host, beyond the arm'),
  trace: trace.exactOptional(),
  notes: texts,
  result: resultSchema,
});

const restored = z.strictObject({
  what: z.string(),
  outcome: z.enum(['restored', 'unchanged', 'foreign', 'failed']),
  detail: z.string(),
});

export const recordingSchema = z.strictObject({
  version: z.literal(1),
  faultline: z.strictObject({
    version: z.string(),
    commit: z.string().exactOptional().describe('of the git repository that it was run from'),
  }),
  command: texts.describe('exact, word by word'),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  stopped: z
    .enum(['done', 'interrupted', 'unfinished'])
    .describe('interrupted: by Ctrl-C; unfinished: it was killed, and this is what was written by then'),
  scenario,
  host,
  machine: machine.exactOptional(),
  knobs: z
    .strictObject({ before: z.record(z.string(), z.string()), after: z.record(z.string(), z.string()) })
    .describe('settings of the host, by file, before the first run and after everything was put back'),
  restored: z.array(restored).describe('what was put back at the end, and whether that worked'),
  traceLevel: z.enum(['none', 'light', 'full']),
  repeats: count.describe('asked for, of each arm'),
  arms: z.array(arm),
  runs: z.array(run).describe('in the order in which they were made'),
  summary: z.array(summarySchema).describe('figures of each arm over its runs that count'),
});

export type Recording = z.output<typeof recordingSchema>;

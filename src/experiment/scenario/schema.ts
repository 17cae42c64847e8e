/**
 * The scenario file: one schema, from which come the checks, the types and docs/scenario.schema.json.
 */
import { z } from 'zod';
import { KERNELS } from '../../model/kernels.js';
import { POLICIES, POLICY_NUMBERS, type PolicyChange } from '../../model/policies.js';
import { COST_NAMES } from '../../simulate/costs/cost-table.js';
import { duration, part, positiveDuration, share, size, unknownName, whole } from './fields.js';
import { stormSchema } from './storm-schema.js';

/** 32 bytes each, of every vCPU. */
const MOST_SAMPLES = 2 ** 20;

const KERNEL_NAMES = KERNELS.map(({ name }) => name);

const machine = z.strictObject({
  preset: z
    .string()
    .min(1)
    .optional()
    .describe('a machine of costs/: its CPUs, unless given here, and its costs'),
  cpus: whole(1, 4096).optional().describe('logical CPUs'),
  sockets: whole(1, 64).optional().describe('default: 1'),
  nodes: whole(1, 256).optional().describe('NUMA nodes; default: one for each socket'),
  smt: whole(1, 8).optional().describe('threads of a core; default: 1'),
  coresPerCache: whole(1, 4096)
    .optional()
    .describe('cores behind one last-level cache; default: all of a socket'),
});

const host = z.strictObject({
  kernel: z
    .enum(KERNEL_NAMES, {
      error: ({ input }) => `no kernel "${String(input)}": there are ${KERNEL_NAMES.join(', ')}`,
    })
    .prefault('v6.12')
    .describe('whose KVM it is: a set of policies'),
  preempt: z.enum(POLICIES.preempt.values).optional().describe('preemption model; the default of the kernel'),
  hz: z
    .literal([100, 250, 300, 1000])
    .optional()
    .describe('CONFIG_HZ; that of the kernel in Debian if left out'),
});

const access = z.strictObject({
  pattern: z
    .enum(['sequential', 'strided', 'random', 'hot-set'])
    .default('sequential')
    .describe('order of touches'),
  stride: size().optional().describe('strided: from one touch to the next'),
  hot: part().optional().describe('hot-set: how much of the region is hot'),
  hotPlacement: z.enum(['together', 'spread']).optional().describe('hot-set: at its start, or spread evenly'),
  hotTouches: share().optional().describe('hot-set: share of touches that go to hot pages; default: 90%'),
  writes: share().prefault('100%').describe('share of touches that write'),
  work: duration().prefault('0ns').describe('what the guest computes for each touch'),
  region: z
    .enum(['own', 'shared'])
    .default('own')
    .describe('the memory is divided among the vCPUs, or is for all'),
  covered: share()
    .optional()
    .describe('share of touches in ranges of storms; as the pattern has it if left out'),
  firstPass: z
    .boolean()
    .default(false)
    .describe('begin with one write to every page, in order, so that all of it is mapped'),
  passes: whole(1, 1e9).optional().describe('a vCPU stops after so many passes over its region'),
});

const guest = z.strictObject({
  memory: size().describe('guest memory'),
  vcpus: whole(1, 4096).describe('virtual CPUs'),
  pin: z.boolean().default(true).describe('whether vCPU i stays on CPU i (modulo the CPUs)'),
  slots: whole(1, 32_764).default(1).describe('memslots, which share the memory evenly'),
  backing: z.enum(['4KiB', 'thp', 'hugetlb']).default('4KiB').describe('pages of the host'),
  sharing: z.enum(['private', 'shared']).default('private').describe('anonymous memory, or a shared memfd'),
  prefault: z.boolean().default(true).describe('whether the host has all pages from the start'),
  mapped: z
    .boolean()
    .default(false)
    .describe('whether KVM maps all of it before the guest runs (KVM_PRE_FAULT_MEMORY)'),
  samples: whole(1, MOST_SAMPLES)
    .optional()
    .describe(
      'raw samples of touches that each vCPU keeps, the latest, or some more: a power of two; none if left out',
    ),
  samplesAbove: duration()
    .optional()
    .describe('which touches become samples: those that take so long or longer'),
  placement: z
    .enum(['first-touch', 'interleave', 'one-node'])
    .default('first-touch')
    .describe('on which NUMA nodes pages lie'),
  access: access.prefault({}),
});

const phase = z.strictObject({
  name: z.string().min(1),
  duration: positiveDuration(),
  storms: z
    .union([z.enum(['all', 'none']), z.array(z.string().min(1))], {
      error: 'write all, none, or a list of names',
    })
    .default('all')
    .describe('which storms are on'),
  counted: z.boolean().default(true).describe('whether results count it; a warm-up is not'),
});

/** Policies by name; numbers may stand where a value looks like one (shadowBatch). */
function policyFields(): Record<string, z.ZodType> {
  const words = Object.entries(POLICIES).map(([name, { values, meaning }]) => {
    const known: readonly string[] = values;
    const field = z.enum(values, {
      error: ({ input }) => `"${String(input)}" is no value of this policy: write one of ${known.join(', ')}`,
    });
    const numeric = known.every((each) => /^\d+$/.test(each));
    const choice = numeric ? z.union([z.literal(known.map(Number)).transform(String), field]) : field;
    return [name, choice.optional().describe(meaning)] as const;
  });
  const numbers = Object.entries(POLICY_NUMBERS).map(
    ([name, { meaning }]) => [name, whole(1, 1e9).optional().describe(meaning)] as const,
  );
  return Object.fromEntries([...words, ...numbers]);
}

const policy = z.strictObject(policyFields(), {
  error: (issue) => unknownName(issue, 'policy', '--list-policies', Object.keys(policyFields())),
}) as unknown as z.ZodType<PolicyChange>;

const costs = z.strictObject(
  Object.fromEntries(COST_NAMES.map((name) => [name, positiveDuration().optional()])),
  { error: (issue) => unknownName(issue, 'cost', '--explain-costs', COST_NAMES) },
) as unknown as z.ZodType<Partial<Record<(typeof COST_NAMES)[number], number>>>;

export const scenarioFields = z.strictObject({
  version: z.literal(1),
  description: z.string().min(1).describe('what it is for, in a sentence or two'),
  machine,
  host: host.prefault({}),
  policy: policy.prefault({}).describe('what differs from the kernel; wins over host.preempt'),
  guest,
  storms: z.array(stormSchema).default([]).describe('what changes the memory of the host, all at once'),
  duration: positiveDuration().optional().describe('how long it lasts; or write phases'),
  phases: z.array(phase).min(1).optional().describe('one after the other; or write a duration'),
  seed: whole(0, 2 ** 31 - 1)
    .default(1)
    .describe('of everything random'),
  costs: costs.prefault({}).describe('costs of the model that differ from those of the machine'),
});

export type ScenarioFields = z.output<typeof scenarioFields>;

/** Recordings of several kernels beside each other, and what else differs between them. */
import { existsSync, readFileSync } from 'node:fs';
import { findKernel, kernelConfig } from '../../measure/kernels/kernel-cache.js';
import type { MeasurementReport } from '../../report/measurement.js';
import { reportOf } from '../recording/report.js';
import type { Recording } from '../recording/schema.js';
import type { VmRecording } from './measure-in-vm.js';

/** Options of a kernel's configuration that faults and invalidations feel. */
const OPTION_NAMES = [
  'PREEMPT\\w*|HZ|NUMA_BALANCING|KSM|TRANSPARENT_HUGEPAGE\\w*|LRU_GEN\\w*|DEBUG_\\w*LOCK\\w*',
  'PROVE_LOCKING|KASAN|MITIGATION\\w*|SCHED_\\w+|NR_CPUS|KVM\\w*',
].join('|');
const OPTIONS = new RegExp(`^CONFIG_(${OPTION_NAMES})=(.*)$`, 'gm');
/** Differences that are named; how many more there are is said. */
const MOST = 12;

/** One report of all: arms under the names that they were asked for by. */
export function vmReport(
  recordings: readonly VmRecording[],
  filesOf: (recording: VmRecording) => string[],
): MeasurementReport {
  const reports = recordings.map((each) => ({ each, report: reportOf(each.recording, filesOf(each)) }));
  const [{ report: first }] = reports;
  const several = reports.length > 1;
  const facts = several
    ? factsOf(reports.map(({ each, report }) => ({ recording: each.recording, report })))
    : first.facts;
  const notes = reports.flatMap(({ each, report }) =>
    report.notes.map((note) => (several ? `${nameOf(each.recording)}: ${note}` : note)),
  );
  return {
    scenario: first.scenario,
    description: first.description,
    facts,
    arms: reports.flatMap(({ each, report }) =>
      report.arms.map((arm) => ({
        ...arm,
        arm: each.arms.find(({ inside }) => inside === arm.arm)?.name ?? arm.arm,
      })),
    ),
    notes: [...differences(recordings.map(({ recording }) => recording)), ...notes],
    files: reports.flatMap(({ report }) => report.files),
  };
}

const nameOf = ({ machine, host }: Recording): string => machine?.kernel.name ?? host.kernel;

/** Each fact once where it is the same everywhere, else for each kernel. */
function factsOf(
  reports: readonly { recording: Recording; report: MeasurementReport }[],
): [string, string][] {
  const names = reports[0].report.facts.map(([name]) => name);
  return names.map((name) => {
    const texts = reports.map(({ recording, report }) => ({
      kernel: nameOf(recording),
      text: report.facts.find(([each]) => each === name)?.[1] ?? '',
    }));
    const isSame = texts.every(({ text }) => text === texts[0].text);
    return [name, isSame ? texts[0].text : texts.map(({ kernel, text }) => `${kernel}: ${text}`).join('; ')];
  });
}

/** What differs between kernels beside the kernel itself: how they were built and what they were set to. */
function differences(recordings: readonly Recording[]): string[] {
  if (recordings.length < 2) return [];
  const all = recordings.map((recording) => ({ name: nameOf(recording), facts: flatFacts(recording) }));
  const keys = [...new Set(all.flatMap(({ facts }) => [...facts.keys()]))].sort();
  const found = keys.flatMap((key) => {
    const values = all.map(({ facts }) => facts.get(key) ?? 'not there');
    return values.every((value) => value === values[0])
      ? []
      : [`${key}: ${all.map(({ name }, index) => `${values[index]} (${name})`).join(', ')}`];
  });
  if (found.length === 0) return ['no setting that is known here differs between the kernels'];
  const more = found.length > MOST ? ` and ${found.length - MOST} more` : '';
  return [`besides the kernel this differs: ${found.slice(0, MOST).join('; ')}${more}`];
}

/** Preemption, KVM's parameters, knobs that both have, and options of the configuration. */
function flatFacts({ host, knobs, machine }: Recording): Map<string, string> {
  const facts = new Map<string, string>();
  const { preemption, kvm } = host as {
    preemption?: { model?: string };
    kvm?: { parameters?: Record<string, Record<string, string>> };
  };
  facts.set('preemption at boot', preemption?.model ?? 'unknown');
  for (const [module, parameters] of Object.entries(kvm?.parameters ?? {}))
    for (const [name, value] of Object.entries(parameters)) facts.set(`${module}.${name}`, value);
  for (const [path, value] of Object.entries(knobs.before))
    if (!/min_free_kbytes|preempt$/.test(path)) facts.set(path, value);
  for (const [name, value] of configOf(machine?.kernel.name)) facts.set(name, value);
  return facts;
}

function configOf(name: string | undefined): [string, string][] {
  if (name === undefined) return [];
  const file = kernelConfig(findKernel(name, '--kernel').folder);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return [...text.matchAll(OPTIONS)].map(([, option, value]) => [`CONFIG_${option}`, value]);
}

/** What of a recording terminal and page show. */
import type { MeasurementReport } from '../../report/measurement.js';
import { formatCount, formatDuration, plural } from '../../report/format.js';
import type { Recording } from './schema.js';

/** @param files that were written, as the user may name them */
export function reportOf(recording: Recording, files: readonly string[]): MeasurementReport {
  return {
    scenario: recording.scenario.name,
    description: recording.scenario.description,
    facts: factsOf(recording),
    arms: recording.summary,
    notes: notesOf(recording),
    files,
  };
}

type Run = Recording['runs'][number];

function factsOf(recording: Recording): [string, string][] {
  const { scenario, runs, stopped, repeats } = recording;
  const counted = runs.filter(({ verdict }) => verdict.startsWith('counted'));
  const ofOne = counted.at(0)?.result.guest.countedNs;
  const length = ofOne === undefined ? '' : ` of ${formatDuration(ofOne)} each`;
  const other = [
    [runs.filter(({ verdict }) => verdict === 'warm-up').length, 'warm-up', 'warm-ups', 'not counted'],
    [
      runs.filter(({ verdict }) => verdict === 'rejected').length,
      'run',
      'runs',
      'made again, the host was busy',
    ],
    [
      runs.filter(({ verdict }) => verdict === 'counted-busy').length,
      'run',
      'runs',
      'counted although it was busy',
    ],
  ] as const;
  const asides = other.flatMap(([number, one, many, what]) =>
    number === 0 ? [] : [`${plural(number, one, many)} ${what}`],
  );
  const cut = stopped === 'done' ? '' : ` of ${formatCount(repeats * recording.arms.length)} asked for`;
  return [
    ['scenario', `${scenario.name}, seed ${scenario.seed}`],
    ['guest', guestOf(scenario.fields)],
    ...hostFacts(recording),
    ['runs', [`${plural(counted.length, 'run')}${cut}${length}`, ...asides].join('; ')],
    ...traceFacts(recording),
  ];
}

/** @param fields of the scenario, as it was run */
function guestOf({ guest }: Recording['scenario']['fields']): string {
  const { vcpus, memory } = (guest ?? {}) as { vcpus?: number; memory?: number };
  return `${plural(vcpus ?? 0, 'vCPU')}, ${formatCount((memory ?? 0) / 2 ** 20)} MiB`;
}

function hostFacts({ host, machine }: Recording): [string, string][] {
  return [
    ['host', host.kernel],
    ...(machine === undefined ? [] : [['machine', machineOf(machine)] as [string, string]]),
  ];
}

function machineOf({ isEmulated, qemu, cpus, nodes }: NonNullable<Recording['machine']>): string {
  const how = isEmulated ? 'emulated processor: compare counts and shares, not times' : 'nested KVM';
  const where = nodes > 1 ? `, ${plural(nodes, 'node')}` : '';
  return `bench VM of ${plural(cpus, 'CPU')}${where}, QEMU ${qemu}; ${how}`;
}

function traceFacts({ traceLevel, runs }: Recording): [string, string][] {
  const traces = runs.flatMap(({ trace }) => trace ?? []);
  if (traces.length === 0) return [];
  const sum = (of: (trace: NonNullable<Run['trace']>) => number): number =>
    traces.reduce((total, trace) => total + of(trace), 0);
  const events = sum((trace) => trace.events.reduce((total, { count }) => total + count, 0));
  const lost = sum((trace) => Math.max(trace.lost, trace.overrun));
  const files = plural(traces.length, 'file');
  return [
    [
      'trace',
      `${traceLevel}: ${plural(events, 'event')} in ${files}, ` +
        `${lost === 0 ? 'none' : formatCount(lost)} lost`,
    ],
  ];
}

function notesOf({ scenario, runs, restored }: Recording): string[] {
  const ofRuns = runs.flatMap((run) => [
    ...run.notes,
    ...(run.trace?.notes ?? []),
    ...run.result.storms.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`)),
  ]);
  const wrong = restored
    .filter(({ outcome }) => outcome === 'failed' || outcome === 'foreign')
    .map(({ what, detail }) => `${what}: ${detail}`);
  const leftOut = scenario.leftOut.map((each) => `left out: ${each}`);
  return [...new Set([...leftOut, ...scenario.notes, ...ofRuns, ...wrong])];
}

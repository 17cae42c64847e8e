/** The terminal summary of one simulated run. */
import type { LatencyDistribution, SimulationResult } from '../../simulate/result.js';
import { formatCount, formatDuration, formatPercent, plural } from '../format.js';
import { sheetOf, type Sheet, type TerminalOptions } from './sheet.js';
import { agentTable, latencyTable, userTable } from './simulation-tables.js';
import { hanging } from './text.js';

/**
 * What was run, what the guest got done, faults, invalidations, mmu_lock, yields and flushes. Ends with a
 * line break.
 */
export function renderSimulation(result: SimulationResult, options: TerminalOptions): string {
  const sheet = sheetOf(options);
  const sections = [
    about(result, sheet),
    section('Guest', guest(result), [], sheet),
    section('Faults', faults(result), latencyTable(result, sheet), sheet),
    section('Invalidations', invalidations(result), agentTable(result, sheet), sheet),
    section('mmu_lock', locks(result), userTable(result, sheet), sheet),
    section('Yields and flushes', yieldsAndFlushes(result), [], sheet),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function section(
  title: string,
  sentences: readonly string[],
  rows: readonly string[],
  { width, paint }: Sheet,
): string[] {
  return [paint(title, 'bold'), ...sentences.flatMap((text) => hanging('  ', text, width)), ...rows];
}

const STOPPED: Readonly<Record<SimulationResult['run']['stopped'], string>> = {
  done: 'every thread came to its end',
  end: 'to the end of the scenario',
  until: 'stopped by --until',
  interrupted: 'interrupted',
  stuck: 'stuck: every thread waits',
  'max-events': 'stopped by --max-events',
};

function about({ run }: SimulationResult, { width, paint }: Sheet): string[] {
  const { machine } = run;
  const changes = Object.entries(run.changes)
    .filter(([name]) => name !== 'preempt')
    .map(([name, value]) => `${name} ${value}`);
  const facts: readonly (readonly [string, string])[] = [
    ['scenario', `${run.scenario}, seed ${run.seed}`],
    ['kernel', [`${run.kernel}, preempt ${run.policy.preempt}`, ...changes].join('; ')],
    [
      'machine',
      `${plural(machine.vcpus, 'vCPU')} on ${plural(machine.cpus, 'CPU')}, ` +
        `${plural(machine.sockets, 'socket')}, ${plural(machine.nodes, 'node')}; ` +
        `${formatCount(machine.pages / 256)} MiB`,
    ],
    [
      'run',
      `${formatDuration(run.simulatedNs)} of virtual time, ${STOPPED[run.stopped]}; ` +
        `${plural(run.events, 'event')}, ${plural(run.operations, 'operation')}; unseed ${run.unseed}`,
    ],
  ];
  return facts.flatMap(([name, text]) => {
    const lines = hanging(`${name.padEnd(8)} `, text, width);
    return name === 'run' && run.stopped !== 'done' && run.stopped !== 'end'
      ? lines.map((line) => paint(line, 'yellow'))
      : lines;
  });
}

function guest({ guest: all }: SimulationResult): string[] {
  const covered = `${formatPercent(all.coveredTouches, all.touches)} in the range of a storm`;
  const { fairness, longestStall } = all;
  return [
    `${plural(all.touches, 'touch', 'touches')} in ${formatDuration(all.countedNs)}, ` +
      `${formatCount(all.touchesPerSecond)} a second; ${covered}.`,
    ...(longestStall === undefined
      ? []
      : [
          `Longest stall ${formatDuration(longestStall.durationNs)}: vCPU ${longestStall.vcpu}, ` +
            `from ${formatDuration(longestStall.startNs)}` +
            `${longestStall.unfinished ? ', not over when the run ended' : ''}.`,
        ]),
    `Fairness ${fairness.jain.toFixed(3)} (Jain); vCPUs got ${share(fairness.minShare)} to ` +
      `${share(fairness.maxShare)} of an even share.`,
  ];
}

function share(value: number): string {
  return `${Math.round(100 * value)} %`;
}

function faults({ faults: all }: SimulationResult): string[] {
  const { outcomes, retries } = all;
  const parts = [
    [outcomes.fixed, 'fixed'],
    [outcomes.retry, 'retried'],
    [outcomes.spurious, 'spurious'],
    [outcomes.writeProtected, 'write-protected'],
    [outcomes.emulate, 'emulated'],
    [outcomes.invalid, 'invalid'],
    [outcomes.error, 'failed'],
  ] as const;
  const reasons = [
    [retries.preCheck1, 'first pre-check'],
    [retries.preCheck2, 'second pre-check'],
    [retries.recheck, 'recheck under mmu_lock'],
    [retries.frozen, 'frozen entry'],
    [retries.lostRace, 'lost race'],
    [retries.other, 'other'],
  ] as const;
  return [
    `${plural(all.attempts, 'attempt')}: ${listOf(parts, all.attempts)}.`,
    ...(retries.total === 0 ? [] : [`Why retried: ${listOf(reasons, retries.total)}.`]),
  ];
}

/** `1,980 fixed (99 %), 20 retried (1 %)`; what did not happen is left out. */
function listOf(parts: readonly (readonly [count: number, what: string])[], whole: number): string {
  const shown = parts.filter(([count]) => count > 0);
  if (shown.length === 0) return 'none ended';
  return shown
    .map(([count, what]) => `${formatCount(count)} ${what} (${formatPercent(count, whole)})`)
    .join(', ');
}

function invalidations({ invalidations: all }: SimulationResult): string[] {
  const open = all.unfinished > 0 ? `; ${formatCount(all.unfinished)} not over when the run ended` : '';
  return [
    `${formatCount(all.count)} of ${plural(all.pages, 'page')}, ` +
      `${formatCount(all.hits)} of guest memory${open}.`,
  ];
}

function locks({ mmuLock: { read, write } }: SimulationResult): string[] {
  const line = (mode: string, { acquisitions, wait, hold }: typeof read): string =>
    `Taken ${plural(acquisitions, 'time')} for ${mode}; waited ${plural(wait.count, 'time')} ` +
    `(${formatPercent(wait.count, acquisitions)}), ${formatDuration(wait.totalNs)} in all; ` +
    `held ${tail(hold)}.`;
  return [line('read', read), line('write', write)];
}

/** `p50 1.20 µs, p99 3.00 µs, max 4.00 µs`. */
function tail({ p50Ns, p99Ns, maxNs }: LatencyDistribution): string {
  return `p50 ${formatDuration(p50Ns)}, p99 ${formatDuration(p99Ns)}, max ${formatDuration(maxNs)}`;
}

function yieldsAndFlushes({ yields, flushes, invalidations: { hits } }: SimulationResult): string[] {
  const kinds = [
    [yields.useful, 'useful'],
    [yields.useless, 'useless'],
    [yields.toNobody, 'to nobody'],
  ] as const;
  const perHit =
    hits === 0 ? '' : ` (${formatCount(Math.round((100 * flushes.count) / hits) / 100)} per invalidation)`;
  return [
    yields.count === 0
      ? 'Nobody yielded mmu_lock.'
      : `${plural(yields.count, 'yield')}: ${listOf(kinds, yields.count)}; away ${tail(yields.away)}.`,
    `${plural(flushes.count, 'remote flush', 'remote flushes')}${perHit}, ` +
      `${plural(flushes.ipis, 'IPI')} for ${plural(flushes.requests, 'request')}` +
      `${flushes.count === 0 ? '' : `; waited ${tail(flushes.wait)}`}.`,
  ];
}

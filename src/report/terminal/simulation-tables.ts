/** The tables of a simulated run's summary. */
import type {
  AgentInvalidations,
  EpisodeResult,
  LockUserResult,
  SimulationResult,
} from '../../simulate/result.js';
import { formatCount, formatDuration } from '../format.js';
import type { Sheet } from './sheet.js';
import { table, type Column } from './table.js';

/** What users of mmu_lock and makers of invalidations are called. */
const USER_WORDS: Readonly<Record<string, string>> = {
  fault: 'faults',
  'guest-entry': 'vCPUs outside faults',
  'own-fault': 'vCPUs inside faults',
};

function wordOf(user: string): string {
  return USER_WORDS[user] ?? user;
}

interface LatencyRow extends EpisodeResult {
  readonly name: string;
}

const LATENCY_COLUMNS: readonly Column<LatencyRow>[] = [
  { head: 'fault to access', cell: ({ name }) => name, least: 9 },
  { head: 'count', cell: ({ latency }) => formatCount(latency.count) },
  { head: 'p50', cell: ({ latency }) => formatDuration(latency.p50Ns) },
  { head: 'p99', cell: ({ latency }) => formatDuration(latency.p99Ns) },
  { head: 'p99.9', cell: ({ latency }) => formatDuration(latency.p999Ns) },
  { head: 'max', cell: ({ latency }) => formatDuration(latency.maxNs) },
  { head: 'most faults', cell: ({ mostAttempts }) => formatCount(mostAttempts), dispensable: 1 },
];

/** Only where a fault had not been answered when the run ended. */
const OPEN_COLUMN: Column<LatencyRow> = {
  head: 'still open',
  cell: (row) => (row.unfinished === 0 ? '' : formatDuration(row.oldestUnfinishedNs)),
};

/** Fault latency of covered and of uncovered pages. */
export function latencyTable({ faults }: SimulationResult, sheet: Sheet): string[] {
  const rows: readonly LatencyRow[] = [
    { name: 'covered', ...faults.covered },
    { name: 'uncovered', ...faults.uncovered },
  ];
  const shown = rows.filter(({ latency, unfinished }) => latency.count > 0 || unfinished > 0);
  if (shown.length === 0) return [];
  const isOpen = shown.some(({ unfinished }) => unfinished > 0);
  return table(shown, isOpen ? [...LATENCY_COLUMNS, OPEN_COLUMN] : LATENCY_COLUMNS, sheet);
}

const AGENT_COLUMNS: readonly Column<AgentInvalidations>[] = [
  { head: 'by', cell: ({ agent }) => wordOf(agent), least: 8 },
  { head: 'count', cell: ({ count }) => formatCount(count) },
  { head: 'pages', cell: ({ pages }) => formatCount(pages), dispensable: 2 },
  { head: 'start p50', cell: ({ start }) => formatDuration(start.p50Ns) },
  { head: 'start max', cell: ({ start }) => formatDuration(start.maxNs) },
  { head: 'to end p50', cell: ({ startToEnd }) => formatDuration(startToEnd.p50Ns) },
  { head: 'to end max', cell: ({ startToEnd }) => formatDuration(startToEnd.maxNs) },
  { head: 'under lock', cell: ({ underLock }) => formatDuration(underLock.totalNs), dispensable: 1 },
];

export function agentTable({ invalidations }: SimulationResult, sheet: Sheet): string[] {
  const { byAgent } = invalidations;
  return byAgent.length === 0 ? [] : table(byAgent.slice(0, sheet.top), AGENT_COLUMNS, sheet);
}

const USER_COLUMNS: readonly Column<LockUserResult>[] = [
  { head: 'by', cell: ({ user, mode }) => `${wordOf(user)}, ${mode}`, least: 12 },
  { head: 'taken', cell: ({ acquisitions }) => formatCount(acquisitions) },
  { head: 'waited', cell: ({ wait }) => formatCount(wait.count) },
  { head: 'in all', cell: ({ wait }) => formatDuration(wait.totalNs) },
  { head: 'wait p99', cell: ({ wait }) => formatDuration(wait.p99Ns), dispensable: 2 },
  { head: 'wait max', cell: ({ wait }) => formatDuration(wait.maxNs) },
  { head: 'held', cell: ({ hold }) => formatDuration(hold.totalNs), dispensable: 1 },
  { head: 'hold max', cell: ({ hold }) => formatDuration(hold.maxNs) },
];

/** Who waited for mmu_lock and who held it. */
export function userTable({ mmuLock }: SimulationResult, sheet: Sheet): string[] {
  const { byUser } = mmuLock;
  return byUser.length === 0 ? [] : table(byUser.slice(0, sheet.top), USER_COLUMNS, sheet);
}

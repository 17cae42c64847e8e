/** The tables of the terminal summary. */
import { agentWord } from '../../explain/agent-words.js';
import type { AgentSummary, EpisodeRow, Explanation, VcpuSummary } from '../../explain/types.js';
import type { LockSummary, WaitStatistics } from '../../explain/types-lock.js';
import { formatCount, formatDuration, formatHex, formatPercent, plural } from '../format.js';
import { CAUSE_WORDS, WAIT_WORDS, threadName } from '../words.js';
import type { Sheet } from './sheet.js';
import { table, type Column } from './table.js';
import { hanging } from './text.js';

const VCPU_COLUMNS: readonly Column<VcpuSummary>[] = [
  { head: 'thread', cell: threadName, least: 10 },
  { head: 'faults', cell: (row) => formatCount(row.attempts) },
  { head: 'retried', cell: (row) => formatCount(row.outcomes.retried) },
  { head: '', cell: (row) => formatPercent(row.outcomes.retried, row.attempts), dispensable: 1 },
  { head: 'longest', cell: (row) => `${formatCount(row.longestEpisode)}×` },
  { head: 'stalled', cell: (row) => formatDuration(row.stalledNs) },
  { head: 'worst', cell: (row) => formatDuration(row.longestStallNs) },
  { head: 'lock wait', cell: (row) => formatDuration(row.lockWaitNs), dispensable: 2 },
];

export function vcpuTable({ vcpus }: Explanation, sheet: Sheet): string[] {
  return withRest(vcpus, VCPU_COLUMNS, sheet, 'vCPU');
}

const EPISODE_COLUMNS: readonly Column<EpisodeRow>[] = [
  { head: 'thread', cell: threadName, least: 10 },
  { head: 'page', cell: (row) => formatHex(row.page) },
  { head: 'faults', cell: (row) => formatCount(row.attempts) },
  { head: 'took', cell: (row) => formatDuration(row.durationNs) },
  { head: 'in lock', cell: (row) => formatDuration(row.lockWaitNs), dispensable: 2 },
  {
    head: 'mostly because',
    cell: (row) => (row.cause === undefined ? '' : CAUSE_WORDS[row.cause]),
    least: 12,
    dispensable: 1,
  },
];

export function episodeTable(rows: readonly EpisodeRow[], sheet: Sheet): string[] {
  if (rows.length === 0) return [];
  return table(rows.slice(0, Math.min(5, sheet.top)), EPISODE_COLUMNS, sheet);
}

const AGENT_COLUMNS: readonly Column<AgentSummary>[] = [
  { head: 'by', cell: ({ agent }) => agentWord(agent), least: 10 },
  { head: 'count', cell: (row) => formatCount(row.count) },
  { head: 'pages', cell: (row) => formatCount(row.pages) },
  { head: 'zapped', cell: (row) => formatCount(row.leaves) },
  { head: 'yields', cell: (row) => formatCount(row.yields), dispensable: 1 },
  { head: 'under way', cell: (row) => formatDuration(row.underWayNs) },
  { head: 'longest', cell: (row) => formatDuration(row.longestNs), dispensable: 2 },
  {
    head: 'tasks',
    cell: ({ tasks }) => tasks.map(({ comm, tid }) => `${comm} (${tid})`).join(', '),
    least: 12,
    dispensable: 3,
  },
];

export function agentTable({ invalidations }: Explanation, sheet: Sheet): string[] {
  return invalidations.byAgent.length === 0
    ? []
    : table(invalidations.byAgent.slice(0, sheet.top), AGENT_COLUMNS, sheet);
}

/** A lock, or one way of waiting for it. */
interface LockLine extends WaitStatistics {
  readonly name: string;
}

const LOCK_COLUMNS: readonly Column<LockLine>[] = [
  { head: 'lock', cell: ({ name }) => name, least: 16 },
  { head: 'waits', cell: (row) => formatCount(row.waits) },
  { head: 'total', cell: (row) => formatDuration(row.totalNs) },
  { head: 'p50', cell: (row) => formatDuration(row.p50Ns), dispensable: 2 },
  { head: 'p99', cell: (row) => formatDuration(row.p99Ns), dispensable: 1 },
  { head: 'max', cell: (row) => formatDuration(row.maxNs) },
];

export function lockTable(locks: readonly LockSummary[], sheet: Sheet): string[] {
  const lines = locks.flatMap((lock): LockLine[] => {
    const [only] = lock.byKind;
    const suffix = lock.byKind.length === 1 ? `, ${WAIT_WORDS[only.kind]}` : '';
    const kinds = lock.byKind.map((kind) => ({ ...kind, name: `  ${WAIT_WORDS[kind.kind]}` }));
    return [{ ...lock, name: lockName(lock) + suffix }, ...(kinds.length > 1 ? kinds : [])];
  });
  return lines.length === 0 ? [] : table(lines, LOCK_COLUMNS, sheet);
}

/** `mmu_lock? ffff88810a3c8000`; the question mark says that it is a guess. */
function lockName({ address, mmuLock }: LockSummary): string {
  if (!mmuLock.likely) return address;
  return `mmu_lock${mmuLock.confidence === 'high' ? '' : '?'} ${address}`;
}

function withRest<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sheet: Sheet,
  what: string,
): string[] {
  if (rows.length === 0) return [];
  const rest = rows.length - sheet.top;
  const more = rest > 0 ? hanging('  ', `and ${plural(rest, `more ${what}`)}`, sheet.width) : [];
  return [
    ...table(rows.slice(0, sheet.top), columns, sheet),
    ...more.map((line) => sheet.paint(line, 'dim')),
  ];
}

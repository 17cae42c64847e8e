/** The tables: episodes, invalidations, vCPUs, locks, and what the kernel does. */
import { agentWord } from '../../explain/agent-words.js';
import type {
  EpisodeRow,
  Explanation,
  InvalidationRow,
  KernelAnswer,
  VcpuSummary,
} from '../../explain/types.js';
import type { LockSummary, WaitStatistics } from '../../explain/types-lock.js';
import { formatCount, formatDuration, formatHex, formatPercent, plural } from '../format.js';
import { CAUSE_WORDS, OUTCOME_WORDS, WAIT_WORDS, threadName } from '../words.js';
import { jumpButton } from './jump.js';
import { html, type Markup } from './markup.js';
import { bar, htmlTable, type HtmlColumn } from './table.js';

export function episodes({ fault }: Explanation): Markup {
  const most = Math.max(1, ...fault.topEpisodes.map(({ attempts }) => attempts));
  const columns: readonly HtmlColumn<EpisodeRow>[] = [
    { head: '', cell: (row) => jumpButton('show', row) },
    { head: 'thread', cell: threadName },
    { head: 'page', cell: (row) => html`<code>${formatHex(row.gfn ?? row.page)}</code>` },
    { head: 'faults', number: true, cell: (row) => bar(row.attempts, most, formatCount(row.attempts)) },
    { head: 'took', number: true, cell: (row) => formatDuration(row.durationNs) },
    { head: 'in lock waits', number: true, cell: (row) => formatDuration(row.lockWaitNs) },
    { head: 'ended', cell: (row) => OUTCOME_WORDS[row.outcome] },
    { head: 'mostly because', cell: (row) => row.cause && CAUSE_WORDS[row.cause] },
    { head: 'agents', cell: (row) => row.agents.map(agentWord).join(', ') },
  ];
  const byTime = 'By time; a single fault that waited long counts too.';
  return html`${htmlTable('Longest episodes', fault.topEpisodes, columns, 'By number of faults.')}
  ${htmlTable('Longest stalls', fault.topStalls, columns, byTime)}`;
}

export function invalidationRows({ invalidations }: Explanation): Markup {
  const columns: readonly HtmlColumn<InvalidationRow>[] = [
    {
      head: '',
      cell: ({ start, endAtLeast, tid }) => jumpButton('show', { start, end: endAtLeast, tid }),
    },
    { head: 'task', cell: ({ comm, tid }) => `${comm} (${tid})` },
    { head: 'agent', cell: ({ agent, why }) => html`<span title="${why}">${agentWord(agent)}</span>` },
    {
      head: 'took at least',
      number: true,
      cell: ({ start, endAtLeast }) => formatDuration(endAtLeast - start),
    },
    {
      head: 'at most',
      number: true,
      hint: 'until the first event that cannot belong to it',
      cell: ({ start, endAtMost }) => formatDuration(endAtMost - start),
    },
    {
      head: 'lock held for',
      number: true,
      hint: 'at least; longest time from one zapped mapping to another without a yield',
      cell: ({ heldAtLeastNs }) => formatDuration(heldAtLeastNs),
    },
    { head: 'pages', number: true, cell: ({ pages }) => formatCount(pages) },
    { head: 'zapped', number: true, cell: ({ leaves }) => formatCount(leaves) },
    { head: 'yields', number: true, cell: ({ yields }) => formatCount(yields) },
    { head: 'retries', number: true, cell: ({ retries }) => formatCount(retries) },
    { head: 'host range', cell: ({ hva }) => html`<code>${hva[0]}–${hva[1]}</code>` },
  ];
  return htmlTable('Longest invalidations', invalidations.top, columns);
}

export function vcpus({ vcpus: rows }: Explanation): Markup {
  const most = Math.max(1, ...rows.map(({ stalledNs }) => stalledNs));
  const columns: readonly HtmlColumn<VcpuSummary>[] = [
    { head: 'vCPU', cell: (row) => html`<b>${threadName(row)}</b>` },
    { head: 'attempts', number: true, cell: (row) => formatCount(row.attempts) },
    { head: 'mapped', number: true, cell: (row) => formatCount(row.outcomes.mapped) },
    {
      head: 'retried',
      number: true,
      cell: ({ outcomes, attempts }) =>
        `${formatCount(outcomes.retried)} (${formatPercent(outcomes.retried, attempts)})`,
    },
    { head: 'longest episode', number: true, cell: (row) => plural(row.longestEpisode, 'fault') },
    { head: 'stalled', number: true, cell: (row) => bar(row.stalledNs, most, formatDuration(row.stalledNs)) },
    { head: 'longest stall', number: true, cell: (row) => formatDuration(row.longestStallNs) },
    { head: 'fault p50', number: true, cell: (row) => formatDuration(row.latency.p50Ns) },
    { head: 'p99', number: true, cell: (row) => formatDuration(row.latency.p99Ns) },
    { head: 'in lock waits', number: true, cell: (row) => formatDuration(row.lockWaitNs) },
    {
      head: 'own invalidations',
      number: true,
      hint: 'by this thread itself: NUMA scans, copy on write',
      cell: (row) => formatCount(row.invalidations),
    },
  ];
  return htmlTable('vCPUs', rows, columns, 'A stall is the time inside an episode with retries.');
}

interface LockLine extends WaitStatistics {
  readonly name: Markup;
  readonly tasks: string;
}

export function lockTable({ locks, lockPairing }: Explanation): Markup {
  const columns: readonly HtmlColumn<LockLine>[] = [
    { head: 'lock', cell: ({ name }) => name },
    { head: 'waits', number: true, cell: ({ waits }) => formatCount(waits) },
    { head: 'total', number: true, cell: ({ totalNs }) => formatDuration(totalNs) },
    { head: 'p50', number: true, cell: ({ p50Ns }) => formatDuration(p50Ns) },
    { head: 'p99', number: true, cell: ({ p99Ns }) => formatDuration(p99Ns) },
    { head: 'longest', number: true, cell: ({ maxNs }) => formatDuration(maxNs) },
    {
      head: 'who waited longest',
      long: true,
      cell: ({ tasks }) => html`<span class="tasks">${tasks}</span>`,
    },
  ];
  const lines = locks.flatMap((lock): LockLine[] => [
    { ...lock, name: lockName(lock), tasks: waiters(lock) },
    ...lock.byKind.map((kind) => ({
      ...kind,
      name: html`<span class="under">${WAIT_WORDS[kind.kind]}</span>`,
      tasks: '',
    })),
  ]);
  return htmlTable(
    'Locks',
    lines,
    columns,
    `${plural(lockPairing.waits, 'wait')} for ${plural(lockPairing.locks, 'lock')}; ` +
      `${formatCount(locks.length)} shown. ` +
      'Only contended locks are traced: these are waits, not holds.',
  );
}

function lockName({ address, mmuLock }: LockSummary): Markup {
  if (!mmuLock.likely) return html`<code>${address}</code>`;
  const sure = { high: 'mmu_lock', medium: 'mmu_lock, likely', low: 'mmu_lock, perhaps' }[mmuLock.confidence];
  return html`<b class="tag" title="${mmuLock.why.join('; ')}">${sure}</b> <code>${address}</code>`;
}

function waiters({ byTask, tasks }: LockSummary): string {
  const shown = byTask
    .slice(0, 3)
    .map(({ comm, tid, totalNs }) => `${comm} (${tid}) ${formatDuration(totalNs)}`);
  const more = tasks - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${plural(more, 'more task')}` : '');
}

export function kernelFacts({ kernel }: Explanation): Markup {
  const answers: readonly (readonly [question: string, answer: KernelAnswer])[] = [
    ['turns away faults on pages being invalidated before taking mmu_lock', kernel.preCheck],
    ['yields mmu_lock to waiters while zapping', kernel.yieldsOnContention],
    ['lets one NUMA-balancing notifier cover the rest of a scan chunk', kernel.numaNotifierSpan],
    ['takes mmu_lock for write when aging pages', kernel.agingTakesLock],
  ];
  return htmlTable('What this kernel does', answers, [
    { head: 'it', long: true, cell: ([question]) => question },
    { head: 'answer', cell: ([, { answer }]) => html`<b>${answer}</b>` },
    { head: 'because', long: true, cell: ([, { why }]) => why },
  ]);
}

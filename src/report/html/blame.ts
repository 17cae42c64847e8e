/** Who invalidated guest memory, and why faults were retried. */
import { agentWord } from '../../explain/agent-words.js';
import type { AgentSummary, Explanation } from '../../explain/types.js';
import { formatCount, formatDuration, formatPercent, plural } from '../format.js';
import { CAUSE_WORDS } from '../words.js';
import { html, type Markup } from './markup.js';
import { bar, htmlTable, type HtmlColumn } from './table.js';

const MOST_TASKS = 4;

export function agents({ invalidations, fault, aging }: Explanation): Markup {
  const caused = new Map(fault.retriesByAgent.map(({ agent, count }) => [agent, count]));
  const rows = invalidations.byAgent;
  const most = {
    count: Math.max(0, ...rows.map(({ count }) => count)),
    under: Math.max(0, ...rows.map(({ underWayNs }) => underWayNs)),
    retries: Math.max(0, ...caused.values()),
  };
  const columns: readonly HtmlColumn<AgentSummary>[] = [
    { head: 'agent', cell: ({ agent, why }) => html`<b title="${why}">${agentWord(agent)}</b>` },
    { head: 'invalidations', number: true, cell: ({ count }) => bar(count, most.count, formatCount(count)) },
    { head: 'pages', number: true, cell: ({ pages }) => formatCount(pages) },
    { head: 'mappings zapped', number: true, cell: ({ leaves }) => formatCount(leaves) },
    {
      head: 'time under way',
      number: true,
      hint: 'start to end, added up; the end is the last event that surely belongs to it',
      cell: ({ underWayNs }) => bar(underWayNs, most.under, formatDuration(underWayNs)),
    },
    { head: 'longest', number: true, cell: ({ longestNs }) => formatDuration(longestNs) },
    { head: 'yields', number: true, cell: ({ yields }) => formatCount(yields) },
    {
      head: 'retries caused',
      number: true,
      hint: 'retried attempts whose page it was invalidating; several agents may share one',
      cell: ({ agent }) => bar(caused.get(agent) ?? 0, most.retries, formatCount(caused.get(agent) ?? 0)),
    },
    { head: 'sure?', cell: sureness },
    { head: 'tasks', cell: tasks, long: true },
  ];
  const ends = invalidations.endsInferred ? ' Their ends are inferred: the kernel does not record them.' : '';
  const aged =
    aging.count > 0
      ? ` ${plural(aging.count, 'aging call')} besides, ${formatCount(Math.round(aging.perSecond))}/s.`
      : '';
  return htmlTable(
    'Agents',
    rows,
    columns,
    `${plural(invalidations.count, 'invalidation')}, ` +
      `at most ${formatCount(invalidations.mostAtOnce)} at once.${ends}${aged}`,
  );
}

function sureness({ confidence, why }: AgentSummary): Markup {
  const [most] = (['high', 'medium', 'low'] as const).toSorted((a, b) => confidence[b] - confidence[a]);
  const words = { high: 'yes', medium: 'likely', low: 'a guess' }[most];
  return html`<span title="${why}">${words}</span>`;
}

function tasks({ tasks: all }: AgentSummary): Markup {
  const shown = all.slice(0, MOST_TASKS).map(({ comm, tid }) => `${comm} (${tid})`);
  const more = all.length - MOST_TASKS;
  return html`<span class="tasks">${shown.join(', ')}${more > 0 && ` and ${formatCount(more)} more`}</span>`;
}

export function retryCauses({ fault }: Explanation): Markup | undefined {
  const rows = fault.retryCauses.filter(({ count }) => count > 0);
  if (rows.length === 0) return undefined;
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  return htmlTable(
    'Why faults were retried',
    rows,
    [
      { head: 'cause', cell: ({ cause }) => CAUSE_WORDS[cause] },
      { head: 'retries', number: true, cell: ({ count }) => bar(count, total, formatCount(count)) },
      { head: 'share', number: true, cell: ({ count }) => formatPercent(count, total) },
      {
        head: 'likely only',
        number: true,
        hint: 'rests on an inferred end of an invalidation, or on the inferred place of guest memory',
        cell: ({ likely }) => formatCount(likely),
      },
    ],
    'As far as a trace can show it.',
  );
}

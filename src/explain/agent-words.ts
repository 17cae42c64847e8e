/** What sentences and tables call the agents. */
import type { Agent } from './types.js';

const AGENT_WORDS: Readonly<Record<Agent, string>> = {
  'numa-balancing': 'NUMA balancing',
  ksm: 'KSM',
  khugepaged: 'khugepaged',
  madvise: 'madvise',
  migration: 'page migration',
  balloon: 'balloon',
  reclaim: 'reclaim',
  fork: 'fork',
  'copy-on-write': 'copy on write',
  unmap: 'munmap',
  damon: 'DAMON',
  'oom-reaper': 'OOM reaper',
  unknown: 'unknown',
};

export function agentWord(agent: Agent): string {
  return AGENT_WORDS[agent];
}

/**
 * ksmd on the guest's memory. What pages hold decides what it finds: a share of them gets an equal, in the
 * classes of simulated runs (src/simulate/storms.ts), and the others are like no other.
 */
import { hash } from '../../../model/guest/permutation.js';
import { madvise, viewOf } from '../../ffi/libc.js';
import { canWrite, textOf } from '../host-parts.js';
import { Advice } from './advice.js';
import type { SpecOf } from '../types.js';
import { PAGE } from '../pages.js';
import { type Agent, type Kind, type MemoryRange } from './kind.js';

const KSM = '/sys/kernel/mm/ksm';
/** Pages that are equal to one another, on average. */
const PAGES_PER_CLASS = 16;
/** Where in a page its contents are: 64-bit words. The guest's writes go to the first words of a page. */
const CONTENTS_WORD = 256;
const PAGE_WORDS = PAGE / 8;

const number = (name: string): number | undefined => {
  const text = textOf(`${KSM}/${name}`);
  return text === undefined ? undefined : Number(text);
};

const milliseconds = (ns: number): number => Math.max(1, Math.round(ns / 1e6));

export const ksm: Kind<'ksm'> = {
  unsupported() {
    if (number('run') === undefined) return `this kernel has no KSM (no ${KSM}, CONFIG_KSM)`;
    return canWrite(`${KSM}/run`) ? undefined : `${KSM} is not writable (needs root)`;
  },
  deviations({ sleep, smartScan }) {
    const phrases: string[] = [];
    if (sleep !== milliseconds(sleep) * 1e6)
      phrases.push(`sleep: sleep_millisecs has whole milliseconds from 1 on: ${milliseconds(sleep)}ms`);
    if (smartScan && number('smart_scan') === undefined)
      phrases.push('smartScan: this kernel has none (6.7)');
    return phrases;
  },
  says: () =>
    'operations are pages that ksmd scanned, effects what changed in the counts of /sys/kernel/mm/ksm: of the whole host',
  misfit(_, { memory }) {
    const isPlain = memory.sharing === 'private' && memory.backing !== 'hugetlb';
    return isPlain ? undefined : 'KSM merges private memory of 4KiB and thp alone';
  },
  agent: (storm, { settings, seed }, range) => {
    const { address, bytes } = range;
    const set = (name: string, value: number): void => settings.set(`${KSM}/${name}`, String(value));
    const before = { run: number('run') ?? 0, shared: number('pages_shared') ?? 0 };
    // While ksmd runs, settings of the run before would count.
    if (before.run === 1) set('run', 0);
    if (textOf(`${KSM}/advisor_mode`)?.includes('[none]') === false)
      settings.set(`${KSM}/advisor_mode`, 'none');
    set('pages_to_scan', storm.pagesToScan);
    set('sleep_millisecs', milliseconds(storm.sleep));
    if (number('max_page_sharing') !== storm.maxPageSharing) set('max_page_sharing', storm.maxPageSharing);
    if (number('smart_scan') !== undefined) set('smart_scan', storm.smartScan ? 1 : 0);
    fill(range, storm, seed);
    madvise(BigInt(address), bytes, Advice.Mergeable);
    const counts = counter();
    return {
      on: () => set('run', 1),
      off: () => set('run', 0),
      counts,
      end() {
        if (number('run') === 1) set('run', 0);
        // Pages that stay merged would keep max_page_sharing from being put back.
        madvise(BigInt(address), bytes, Advice.Unmergeable);
      },
    };
  },
};

function counter(): Agent['counts'] {
  const names = { pagesShared: 'pages_shared', pagesSharing: 'pages_sharing', fullScans: 'full_scans' };
  const read = (): { operations: number; values: number[] } => ({
    operations: number('pages_scanned') ?? 0,
    values: Object.values(names).map((name) => number(name) ?? 0),
  });
  const first = read();
  return () => {
    const now = read();
    const grown = Object.keys(names).map((name, index) => [name, now.values[index] - first.values[index]]);
    return { operations: now.operations - first.operations, effects: Object.fromEntries(grown) };
  };
}

/** Writes what each page holds. All pages are in memory afterwards. */
function fill({ address, bytes }: MemoryRange, { duplicates }: SpecOf<'ksm'>, seed: number): void {
  const pages = bytes / PAGE;
  const classes = Math.max(1, Math.round((pages * duplicates) / PAGES_PER_CLASS));
  const words = new Float64Array(viewOf(BigInt(address), bytes));
  for (let page = 0; page < pages; page++) {
    const hasEqual = hash(page, seed) < duplicates * 2 ** 32;
    const contents = hasEqual ? 1 + (hash(page, ~seed) % classes) : -1 - page;
    words[page * PAGE_WORDS + CONTENTS_WORD] = contents;
  }
}

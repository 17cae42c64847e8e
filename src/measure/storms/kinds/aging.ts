/**
 * Who asks the MMU whether pages are young, and makes them old: no invalidation, but a walk for each page.
 */
import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { debugfsProblem, textOf } from '../host-parts.js';
import { damonAgent, damonProblem } from './aging-damon.js';
import { Walk } from '../walk.js';
import { PAGE } from '../pages.js';
import { type Kind, type Operations, type ThreadTask } from './kind.js';

const IDLE_BITMAP = '/sys/kernel/mm/page_idle/bitmap';
const LRU_GEN = '/sys/kernel/debug/lru_gen';
const LRU_GEN_ENABLED = '/sys/kernel/mm/lru_gen/enabled';
/** Anonymous memory is aged with this swappiness, without swap too. */
const SWAPPINESS = 200;

export const aging: Kind<'aging'> = {
  unsupported({ by }) {
    switch (by) {
      case 'idle':
        return existsSync(IDLE_BITMAP) ? undefined : `by idle: no ${IDLE_BITMAP} (CONFIG_IDLE_PAGE_TRACKING)`;
      case 'damon':
        return damonProblem();
      case 'mglru':
        return mglruProblem();
    }
  },
  deviations: ({ by }) =>
    by === 'mglru'
      ? ['range: MGLRU ages all of the memory cgroup, so range, step and order mean nothing']
      : [],
  says: ({ by }) =>
    by === 'damon' ? 'DAMON does not say how often it looks: no operations are counted' : undefined,
  operations: (task) => (task.storm.by === 'idle' ? idleSteps(task) : mglru()),
  agent: (storm, { settings }, range) =>
    storm.by === 'damon' ? damonAgent(storm, settings, range) : undefined,
};

/** Sets the idle bit of each page of a step: the kernel asks all page tables whether it is young. */
function idleSteps({ steps }: Pick<ThreadTask, 'steps'>): Operations {
  const pagemap = openSync('/proc/self/pagemap', 'r');
  const bitmap = openSync(IDLE_BITMAP, 'r+');
  const entries = new BigUint64Array(steps.stepPages);
  const word = new BigUint64Array(1);
  const bytes = new Uint8Array(word.buffer);
  const walk = new Walk(steps);
  const markIdle = (): void => {
    const { address } = walk;
    const pages = walk.length / PAGE;
    readSync(pagemap, new Uint8Array(entries.buffer, 0, pages * 8), 0, pages * 8, (address / PAGE) * 8);
    const frames = framesOf(entries.subarray(0, pages));
    for (let index = 0; index < frames.length;) {
      const place = Math.floor(frames[index] / 64);
      word[0] = 0n;
      for (; index < frames.length && Math.floor(frames[index] / 64) === place; index++)
        word[0] |= 1n << BigInt(frames[index] % 64);
      writeSync(bitmap, bytes, 0, 8, place * 8);
    }
  };
  return {
    run() {
      walk.next();
      return errnoOf(markIdle);
    },
    end() {
      closeSync(pagemap);
      closeSync(bitmap);
    },
  };
}

/** Frame numbers of the pages that are there, in order. */
function framesOf(entries: BigUint64Array): Float64Array {
  const present = entries.filter((entry) => entry >> 63n === 1n);
  return Float64Array.from(present, (entry) => Number(entry & ((1n << 55n) - 1n))).sort();
}

function mglruProblem(): string | undefined {
  const enabled = textOf(LRU_GEN_ENABLED);
  if (enabled === undefined) return 'by mglru: this kernel has no MGLRU (CONFIG_LRU_GEN)';
  if (Number(enabled) === 0) return `by mglru: MGLRU is off (${LRU_GEN_ENABLED})`;
  const problem = debugfsProblem(LRU_GEN);
  return problem === undefined ? undefined : `by mglru: ${problem}`;
}

/** A new generation for our memory cgroup on each node. */
function mglru(): Operations {
  const file = openSync(LRU_GEN, 'w');
  const group = (textOf('/proc/self/cgroup') ?? '').match(/^0::(.*)$/m)?.[1] ?? '/';
  return {
    run: () =>
      errnoOf(() => {
        for (const { memcg, node, youngest } of generations(textOf(LRU_GEN) ?? '', group))
          writeSync(file, `+ ${memcg} ${node} ${youngest} ${SWAPPINESS} 1`);
      }),
    end: () => closeSync(file),
  };
}

/**
 * What debugfs says of the memory cgroup that `group` is charged to: itself, or the nearest above it.
 *

 */
function generations(
  text: string,
  group: string,
): { readonly memcg: number; readonly node: number; readonly youngest: number }[] {
  const groups = text
    .split(/^memcg/m)
    .slice(1)
    .map((part) => {
      const [head, ...lines] = part.split('\n');
      const [id, path = '/'] = head.trim().split(/\s+/);
      return { memcg: Number(id), path, lines };
    });
  const within = groups.filter(({ path }) => path === '/' || group === path || group.startsWith(`${path}/`));
  const [nearest] = within.sort((a, b) => b.path.length - a.path.length);
  if (nearest === undefined) return [];
  const nodes: { memcg: number; node: number; youngest: number }[] = [];
  for (const line of nearest.lines) {
    const node = /^ *node +(\d+)/.exec(line);
    if (node) nodes.push({ memcg: nearest.memcg, node: Number(node[1]), youngest: 0 });
    const last = nodes.at(-1);
    const generation = /^ +(\d+) +\d+ /.exec(line);
    if (generation && last) last.youngest = Number(generation[1]);
  }
  return nodes;
}

/**
 * Pages that move: to the next node with move_pages() or mbind(), or together with the compaction of all
 * memory.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { quickMbind, quickMovePages } from '../../ffi/quick.js';
import { canWrite, memoryNodes, vmstat } from '../host-parts.js';
import { Walk } from '../walk.js';
import { PAGE } from '../pages.js';
import { type Kind, type Operations, type ThreadTask } from './kind.js';

const COMPACT = '/proc/sys/vm/compact_memory';

/** include/uapi/linux/mempolicy.h. */
const MPOL_DEFAULT = 0;
const MPOL_BIND = 2;
const MPOL_MF_MOVE = 2;

export const migrate: Kind<'migrate'> = {
  effects: ['pagesMoved'],
  unsupported({ method }) {
    if (method === 'compaction')
      return canWrite(COMPACT) ? undefined : `method compaction: ${COMPACT} is not writable (needs root)`;
    return memoryNodes().length < 2
      ? `method ${method} has nowhere to move pages to: there is one NUMA node ` +
          '(method compaction moves them within it)'
      : undefined;
  },
  deviations: ({ method }) =>
    method === 'compaction'
      ? [`range: ${COMPACT} compacts all of the host's memory, so range, step and order mean nothing`]
      : [],
  operations: (task, effects) => METHODS[task.storm.method](task, effects),
};

const METHODS = { 'move-pages': movePages, mbind, compaction } as const;

/** Each page to the node after its own. */
function movePages({ steps }: Pick<ThreadTask, 'steps'>, effects: Float64Array): Operations {
  const nodes = memoryNodes();
  const next = new Map(nodes.map((node, index) => [node, nodes[(index + 1) % nodes.length]]));
  const walk = new Walk(steps);
  const addresses = new BigUint64Array(steps.stepPages);
  const present = new Int32Array(steps.stepPages);
  const wanted = new Int32Array(steps.stepPages);
  const status = new Int32Array(steps.stepPages);
  const bytes = (words: BigUint64Array | Int32Array): Uint8Array => new Uint8Array(words.buffer);
  return {
    run() {
      walk.next();
      const { address } = walk;
      const all = walk.length / PAGE;
      for (let page = 0; page < all; page++) addresses[page] = BigInt(address + page * PAGE);
      const unknown = quickMovePages(all, bytes(addresses), undefined, bytes(present), 0);
      if (unknown !== 0) return unknown;
      let there = 0;
      for (let page = 0; page < all; page++) {
        const node = next.get(present[page]);
        // Pages that are not there cannot be moved.
        if (node === undefined) continue;
        addresses[there] = addresses[page];
        wanted[there] = node;
        there++;
      }
      if (there === 0) return 0;
      const refused = quickMovePages(there, bytes(addresses), bytes(wanted), bytes(status), MPOL_MF_MOVE);
      for (let page = 0; page < there; page++) if (status[page] === wanted[page]) effects[0]++;
      return refused;
    },
  };
}

/** All pages of a step to one node, to the next one in the next pass. */
function mbind({ steps }: Pick<ThreadTask, 'steps'>): Operations {
  const nodes = memoryNodes();
  const masks = nodes.map((node) => {
    const mask = new Uint8Array(Math.ceil((node + 2) / 64) * 8);
    mask[node >> 3] = 1 << (node & 7);
    return mask;
  });
  const walk = new Walk(steps);
  return {
    run() {
      walk.next();
      const mask = masks[(walk.pass + 1) % masks.length];
      return quickMbind(walk.address, walk.length, MPOL_BIND, mask, MPOL_MF_MOVE);
    },
    end: () =>
      void quickMbind(steps.firstPage * PAGE, steps.pages * PAGE, MPOL_DEFAULT, new Uint8Array(8), 0),
  };
}

/** Counts the pages that moved on the whole host meanwhile. */
function compaction(_: unknown, effects: Float64Array): Operations {
  const file = openSync(COMPACT, 'w');
  const moved = (): number => vmstat(['pgmigrate_success'])[0];
  let before = moved();
  return {
    run: () => errnoOf(() => writeSync(file, '1')),
    after() {
      const now = moved();
      effects[0] += now - before;
      before = now;
    },
    end: () => closeSync(file),
  };
}

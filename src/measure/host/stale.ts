/** Instances of tracefs that no journal knows: their state folder was deleted after the run was killed. */
import { existsSync, readdirSync } from 'node:fs';
import { removeLeftover } from './leftovers.js';
import { identityOf } from './process-identity.js';
import { TRACEFS } from './settings.js';
import type { Restored } from './types.js';

const INSTANCES = `${TRACEFS}/instances`;

/** Removes those of runs that are over, and leaves the others alone. */
export function removeStaleInstances(): Restored[] {
  if (!existsSync(INSTANCES)) return [];
  return readdirSync(INSTANCES).flatMap((name) => {
    const pid = /^faultline-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || identityOf(Number(pid)) !== undefined) return [];
    const leftover = { kind: 'tracefs-instance', path: `${INSTANCES}/${name}` } as const;
    return [removeLeftover({ id: 0, leftover }, true)];
  });
}

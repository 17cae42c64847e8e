/**
 * Cost files: costs/NAME.yaml, a machine and what things cost on it.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import {
  COST_NAMES,
  type CostEntry,
  type CostName,
  type CostTable,
  type ProvenanceKind,
} from '../simulate/costs/cost-table.js';
import type { MachineSetup } from '../simulate/setup.js';
import { InputError } from '../trace/errors.js';
import { quantity, share, unknownName, whole } from './scenario/fields.js';
import { BadQuantity, parseDuration } from './scenario/quantities.js';
import { readYamlFile } from './yaml-file.js';

const COSTS = fileURLToPath(new URL('../../costs/', import.meta.url));

/** Where a number comes from: the field's name says the kind, its text the source. */
const KINDS = ['measured', 'paper', 'list', 'estimate'] as const satisfies readonly ProvenanceKind[];
const source = z.string().min(1, { error: 'say in some words where the number comes from' }).optional();

interface Given {
  readonly ns: number;
  readonly unit: string;
}

const time = (): z.ZodType<Given> =>
  quantity((text) => {
    const ns = parseDuration(text);
    if (ns === 0) throw new BadQuantity(`"${text}" must be above 0`);
    return { ns, unit: text.replace(/^[\d.]+/, '') };
  }, 'a time above 0');

const entry = z
  .strictObject({
    value: time(),
    spread: share(),
    range: z.string().optional(),
    measured: source,
    paper: source,
    list: source,
    estimate: source,
  })
  .transform((given, context): CostEntry => {
    const kinds = KINDS.filter((kind) => given[kind] !== undefined);
    const limits = given.range === undefined ? undefined : rangeOf(given.range);
    if (kinds.length !== 1) context.addIssue(`say where it comes from, once: ${KINDS.join(', ')}`);
    if (limits === null || (limits && (given.value.ns < limits[0] || given.value.ns > limits[1]))) {
      context.addIssue({
        code: 'custom',
        path: ['range'],
        message: 'write LOW..HIGH around the value, as 20ns..1us',
      });
    }
    const [kind] = kinds;
    const { ns, unit } = given.value;
    return { ns, unit, spread: given.spread, range: limits ?? undefined, kind, source: given[kind] ?? '' };
  });

const machine = z.strictObject({
  cpus: whole(1, 4096),
  sockets: whole(1, 64),
  nodes: whole(1, 256),
  smt: whole(1, 8),
  coresPerCache: whole(1, 4096).optional(),
});

const costFile = z.strictObject({
  version: z.literal(1),
  description: z.string().min(1),
  base: z.string().optional(),
  machine,
  costs: z.strictObject(Object.fromEntries(COST_NAMES.map((name) => [name, entry.optional()])), {
    error: (issue) => unknownName(issue, 'cost', '--explain-costs', COST_NAMES),
  }),
});

/** A machine and its costs. */
export interface Preset {
  readonly table: CostTable;
  readonly machine: Omit<MachineSetup, 'coresPerCache'> & { readonly coresPerCache: number | undefined };
}

/** Names of the machines in costs/. */
export function presetNames(): string[] {
  const files = existsSync(COSTS) ? readdirSync(COSTS) : [];
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/**
 * A machine by name, or a cost file by path.
 *
 * @throws InputError when there is none, or something in it is wrong or missing
 */
export function loadPreset(nameOrPath: string): Preset {
  return loadOver(nameOrPath, []);
}

/** @param above files that have this one as their base */
function loadOver(nameOrPath: string, above: readonly string[]): Preset {
  const isPath = /\.ya?ml$/.test(nameOrPath);
  const path = isPath ? nameOrPath : join(COSTS, `${nameOrPath}.yaml`);
  if (!isPath && !existsSync(path)) {
    throw new InputError(
      `no machine "${nameOrPath}": there are ${presetNames().join(', ')}; or name a .yaml file`,
    );
  }
  const file = readYamlFile(path, costFile);
  if (file.base !== undefined && [...above, nameOrPath].includes(file.base)) {
    throw new InputError(`leads back to ${file.base}`, { file: path, field: 'base' });
  }
  const base = file.base === undefined ? undefined : loadOver(file.base, [...above, nameOrPath]).table.costs;
  const costs: Record<string, CostEntry | undefined> = { ...base, ...file.costs };
  const missing = COST_NAMES.find((name) => costs[name] === undefined);
  if (missing !== undefined) throw new InputError('is missing', { file: path, field: `costs.${missing}` });
  const name = basename(path).replace(/\.ya?ml$/, '');
  return {
    table: { name, costs: costs as Record<CostName, CostEntry> },
    machine: { ...file.machine, coresPerCache: file.machine.coresPerCache },
  };
}

/** `44ns..51ns`; null: something else. */
function rangeOf(text: string): [number, number] | null {
  const ends = text.split('..');
  if (ends.length !== 2) return null;
  try {
    const [low, high] = ends.map(parseDuration);
    return low > 0 && low <= high ? [low, high] : null;
  } catch (error) {
    if (error instanceof BadQuantity) return null;
    throw error;
  }
}

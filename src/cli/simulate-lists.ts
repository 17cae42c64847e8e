/**
 * What `faultline simulate` prints instead of running: costs, policies, kernels.
 */
import { presetNames } from '../experiment/cost-files.js';
import { costsOf } from '../experiment/simulation.js';
import { KERNELS } from '../model/kernels.js';
import { POLICIES, POLICY_NUMBERS } from '../model/policies.js';
import { renderEntries, type EntryList } from '../report/index.js';
import { COST_NAMES, type CostEntry, type CostTable } from '../simulate/costs/cost-table.js';
import { scenarioFrom } from './simulate-scenario.js';
import type { SimulateOptions } from './simulate.js';
import { printJson, terminalOptions } from './terminal.js';

/** One of --explain-costs, --list-policies and --list-kernels. */
export function printLists(name: string | undefined, options: SimulateOptions): void {
  const json = options.json === true;
  if (options.explainCosts === true) printCosts(tableFor(name, options), json);
  else if (options.listPolicies === true) printPolicies(json);
  else printKernels(json);
}

/** The costs of a scenario; without one those of the plain machine. */
function tableFor(name: string | undefined, options: SimulateOptions): CostTable {
  return costsOf(scenarioFrom(name ?? 'quiet', options));
}

function printCosts(table: CostTable, json: boolean): void {
  if (json) {
    printJson({ version: 1, machine: table.name, costs: table.costs });
    return;
  }
  const entries = COST_NAMES.map((name) => {
    const cost = table.costs[name];
    const { ns, unit, spread, kind, source } = cost;
    const facts = [`${inUnit(ns, unit)} ${unit}`, `± ${Math.round(100 * spread)} %`, rangeText(cost), kind];
    return { name, facts, text: source };
  });
  print([
    {
      title: `Costs on ${table.name}: mean, deviation, range of the mean, and where it is from`,
      columns: true,
      entries,
    },
  ]);
  process.stdout.write(`Machines in costs/: ${presetNames().join(', ')} (--set machine.preset=NAME)\n`);
}

const UNIT_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };

/** A number in the unit of its source, without noise of binary fractions. */
function inUnit(ns: number, unit: string): string {
  return String(Number((ns / (UNIT_NS[unit] ?? 1)).toPrecision(6)));
}

function rangeText({ range, unit }: CostEntry): string {
  return range === undefined ? '-' : `${inUnit(range[0], unit)}..${inUnit(range[1], unit)} ${unit}`;
}

function printPolicies(json: boolean): void {
  if (json) {
    printJson({ version: 1, policies: POLICIES, numbers: POLICY_NUMBERS });
    return;
  }
  const choices = Object.entries(POLICIES).map(([name, { values, meaning }]) => ({
    name,
    facts: values,
    text: meaning,
  }));
  const numbers = Object.entries(POLICY_NUMBERS).map(([name, { default: value, meaning }]) => ({
    name,
    facts: [String(value)],
    text: meaning,
  }));
  print([
    {
      title: 'Policies: --set policy.NAME=VALUE; the first value is that of current kernels',
      columns: false,
      entries: choices,
    },
    { title: 'Policies that are numbers, with their defaults', columns: false, entries: numbers },
  ]);
}

function printKernels(json: boolean): void {
  if (json) {
    printJson({ version: 1, kernels: KERNELS });
    return;
  }
  const lists = KERNELS.map(({ name, differences, preemptModels, hz }) => ({
    title: `${name}: preempt ${preemptModels.join(', ')}; HZ ${hz}`,
    columns: false,
    entries: differences.map(({ change, what, evidence }) => ({
      name: '-',
      facts: Object.entries(change).map(([policy, value]) => `${policy}=${value}`),
      text: `${what} (${evidence})`,
    })),
  }));
  print(lists);
}

function print(lists: readonly EntryList[]): void {
  process.stdout.write(renderEntries(lists, terminalOptions()));
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../test/requires.js';
import { Cost } from '../model/costs.js';
import { COST_NAMES, MachineCost, costColumns } from '../simulate/costs/cost-table.js';
import { InputError } from '../trace/errors.js';
import { loadPreset, presetNames } from './cost-files.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const HEAD = [
  'version: 1',
  'description: A test.',
  'base: base',
  'machine: { cpus: 4, sockets: 1, nodes: 1, smt: 1 }',
  'costs:',
];

/** What is said about a cost file of one entry in line 6; the path left out. */
function problem(entry: string, head = HEAD): string {
  const path = join(folder, 'x.yaml');
  writeFileSync(path, [...head, `  ${entry}`].join('\n'));
  try {
    loadPreset(path);
  } catch (error) {
    if (error instanceof InputError) return error.oneLine.replaceAll(path, 'x.yaml');
    throw error;
  }
  return 'nothing is wrong';
}

describe('cost files', () => {
  it.each(presetNames())('%s has every cost, with a source, a spread and a range around it', (name) => {
    const { table } = loadPreset(name);
    expect(Object.keys(table.costs).sort()).toEqual([...COST_NAMES].sort());
    for (const { ns, spread, range, source } of Object.values(table.costs)) {
      expect(ns).toBeGreaterThan(0);
      expect(spread).toBeGreaterThan(0);
      expect(range?.[0]).toBeLessThanOrEqual(ns);
      expect(range?.[1]).toBeGreaterThanOrEqual(ns);
      expect(source.length).toBeGreaterThan(4);
    }
  });

  it('hold what the published tables say', () => {
    // 540 ns: CPUID round trip, PVM, SOSP'23, table 1.
    const { costs } = loadPreset('base').table;
    expect(costs.vmExit.ns + costs.vmEntry.ns).toBe(540);
    // Medians of core-to-core-latency: Xeon 8375C 108 ns across sockets; EPYC 7R13 23, 107 and 197 ns.
    expect(loadPreset('intel-2s').table.costs.transferCross.ns).toBe(108);
    const amd = loadPreset('amd-2s').table.costs;
    expect([amd.transferCache.ns, amd.transferSocket.ns, amd.transferCross.ns]).toEqual([23, 107, 197]);
  });

  it('take what a machine does not say from its base', () => {
    expect(loadPreset('intel-2s').table.costs.vmExit).toEqual(loadPreset('base').table.costs.vmExit);
    expect(loadPreset('intel-2s').machine).toMatchObject({ cpus: 128, sockets: 2, nodes: 2, smt: 2 });
  });

  it('are columns by the numbers of the costs', () => {
    const { table } = loadPreset('base');
    const { model, modelSpread, machine, machineSpread } = costColumns(table);
    expect([model.length, machine.length]).toEqual([
      Object.keys(Cost).length,
      Object.keys(MachineCost).length,
    ]);
    expect(model[Cost.vmExit]).toBe(270);
    expect(modelSpread[Cost.vmExit]).toBeCloseTo(0.1);
    expect(machine[MachineCost.transferCross]).toBe(134);
    expect(machineSpread[MachineCost.transferCross]).toBeCloseTo(0.1);
  });

  it.each([
    [
      'vmExit: { value: 0ns, spread: 10%, estimate: none }',
      'x.yaml:6 (costs.vmExit.value): "0ns" must be above 0',
    ],
    [
      'vmExit: { value: -3ns, spread: 10%, estimate: none }',
      'x.yaml:6 (costs.vmExit.value): "-3ns" is negative',
    ],
    [
      'vmExit: { value: 3, spread: 10%, estimate: none }',
      /^x\.yaml:6 \(costs\.vmExit\.value\): 3 has no unit: write a number/,
    ],
    ['vmExit: { value: 3ns, estimate: none }', 'x.yaml:6 (costs.vmExit.spread): is missing'],
    [
      'vmExit: { value: 3ns, spread: 10% }',
      'x.yaml:6 (costs.vmExit): say where it comes from, once: measured, paper, list, estimate',
    ],
    [
      'vmExit: { value: 3ns, spread: 10%, list: a, paper: b }',
      /\(costs\.vmExit\): say where it comes from, once/,
    ],
    [
      'vmExit: { value: 3ns, spread: 10%, range: 4ns..5ns, list: a }',
      /\(costs\.vmExit\.range\): write LOW\.\.HIGH around the value/,
    ],
    [
      'vmExit: { value: 3ns, spread: 10%, range: wide, list: a }',
      /\(costs\.vmExit\.range\): write LOW\.\.HIGH/,
    ],
    [
      'vmExti: { value: 3ns, spread: 10%, list: a }',
      "x.yaml:6 (costs.vmExti): there is no such cost; did you mean 'vmExit'? (faultline simulate --explain-costs shows all)",
    ],
  ])('with { %s } is refused', (entry, says) => {
    const line = problem(entry);
    expect(typeof says === 'string' ? line === says : says.test(line), line).toBe(true);
  });

  it('without a base must have everything', () => {
    const alone = HEAD.filter((line) => !line.startsWith('base'));
    expect(problem('vmExit: { value: 3ns, spread: 10%, list: a }', alone)).toBe(
      'x.yaml (costs.vmEntry): is missing',
    );
    expect(problem('{}', [...alone.slice(0, -1), 'base: nowhere', 'costs:'])).toMatch(
      /^no machine "nowhere": there are amd-2s, base, intel-2s/,
    );
  });

  it('do not go round in circles', () => {
    expect(
      problem(
        '{}',
        HEAD.map((line) => (line.startsWith('base') ? `base: ${join(folder, 'x.yaml')}` : line)),
      ),
    ).toMatch(/\(base\): leads back to x\.yaml/);
  });

  it('stand in the repository with every number measured, printed or called an estimate', () => {
    const text = readFileSync(join(repositoryRoot, 'costs', 'base.yaml'), 'utf8');
    const values = text.match(/^ {4}value:/gm)?.length;
    expect(text.match(/^ {4}(measured|paper|list|estimate):/gm)).toHaveLength(values ?? 0);
  });
});

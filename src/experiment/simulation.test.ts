import { describe, expect, it } from 'vitest';
import { parseOverride } from './scenario/overrides.js';
import { scenarioNames } from './scenario/scenario-names.js';
import { loadScenario, parseScenario, type Scenario } from './scenario/scenario.js';
import { simulationOf } from './simulation.js';

const MS = 1e6;

function scenario(lines: string, ...set: string[]): Scenario {
  const head = 'version: 1\ndescription: A test.\n';
  return parseScenario(
    head + lines,
    set.map((each) => parseOverride('--set', each)),
  );
}

const PLAIN = 'machine: { cpus: 4 }\nguest: { memory: 4MiB, vcpus: 2 }\nduration: 10ms\n';

describe('the setup of a simulation', () => {
  it('is plain data that survives JSON', () => {
    for (const name of scenarioNames()) {
      const setup = simulationOf(loadScenario(name));
      expect(JSON.parse(JSON.stringify(setup))).toEqual(JSON.parse(JSON.stringify({ ...setup })));
      expect(setup.untilNs).toBe(setup.phases.at(-1)?.endNs);
    }
  });

  it('counts memory in pages and fills in what the scenario leaves out', () => {
    expect(simulationOf(scenario(PLAIN))).toMatchObject({
      name: 'x',
      kernel: 'v6.12',
      hz: 250,
      machine: { cpus: 4, sockets: 1, nodes: 1, smt: 1, coresPerCache: 4 },
      guest: {
        vcpus: 2,
        pages: 1024,
        slots: 1,
        shared: false,
        access: { stridePages: 1, writeShare: 1, passes: 0 },
      },
      storms: [],
      phases: [{ name: 'run', startNs: 0, endNs: 10 * MS, counted: true }],
      seed: 1,
      untilNs: 10 * MS,
      maxEvents: 0,
      assert: false,
      costs: { name: 'base' },
    });
  });

  it('stops at the earlier of the end and --until', () => {
    expect(simulationOf(scenario(PLAIN), { untilNs: MS }).untilNs).toBe(MS);
    expect(simulationOf(scenario(PLAIN), { untilNs: 1e12 }).untilNs).toBe(10 * MS);
  });

  it('takes machine and costs from a preset, as far as the scenario leaves them open', () => {
    const preset = simulationOf(scenario(PLAIN, 'machine={preset: amd-2s}'));
    expect(preset.machine).toEqual({ cpus: 192, sockets: 2, nodes: 2, smt: 2, coresPerCache: 8 });
    expect(preset.costs.costs.transferCross.ns).toBe(197);
    const smaller = simulationOf(scenario(PLAIN, 'machine={preset: amd-2s, cpus: 16, smt: 1}'));
    expect(smaller.machine).toEqual({ cpus: 16, sockets: 2, nodes: 2, smt: 1, coresPerCache: 8 });
    const one = simulationOf(scenario(PLAIN, 'machine={preset: amd-2s, cpus: 8, sockets: 1}'));
    expect(one.machine).toEqual({ cpus: 8, sockets: 1, nodes: 1, smt: 2, coresPerCache: 4 });
  });

  it('changes costs that are given, and says so', () => {
    const { costs } = simulationOf(scenario(PLAIN, 'costs.vmExit=1.5us')).costs;
    expect(costs.vmExit).toMatchObject({ ns: 1500, kind: 'given', spread: 0.1, range: undefined });
    expect(costs.vmEntry.kind).toBe('paper');
  });

  it('changes the policy of the kernel by host and policy, the last first', () => {
    expect(simulationOf(scenario(PLAIN, 'host.kernel=v6.1')).policy).toMatchObject({
      preCheck: 'none',
      rangeUnit: 'hva',
    });
    expect(simulationOf(scenario(PLAIN, 'host.preempt=full')).policy.preempt).toBe('full');
    expect(simulationOf(scenario(PLAIN, 'host.preempt=full', 'policy.preempt=none')).policy.preempt).toBe(
      'none',
    );
    expect(simulationOf(scenario(PLAIN, 'policy.needBreak=never')).policy.needBreak).toBe('never');
  });

  it('works out hot sets from the region of a vCPU', () => {
    const hot = (access: string) =>
      simulationOf(scenario(PLAIN, `guest.access={pattern: hot-set, ${access}}`)).guest.access;
    expect(hot('hot: 10%')).toMatchObject({ hotPages: 51, hotShare: 0.9, hotSpread: false });
    expect(hot('hot: 12KiB, region: shared, hotTouches: 100%, hotPlacement: spread')).toMatchObject({
      hotPages: 3,
      hotShare: 1,
      hotSpread: true,
    });
  });
});

describe('storms', () => {
  const storm = (fields: string, ...set: string[]) =>
    simulationOf(scenario(PLAIN, `storms=[{${fields}}]`, ...set)).storms[0];

  it('have ranges and steps in pages, of shares too', () => {
    expect(storm('kind: mprotect, range: 25%..75%, step: 64KiB, period: 1ms, times: 3, threads: 2')).toEqual({
      kind: 'mprotect',
      name: 'mprotect',
      firstPage: 256,
      pages: 512,
      stepPages: 16,
      order: 'sequential',
      periodNs: MS,
      cycleNs: 0,
      dutyShare: 1,
      times: 3,
      threads: 2,
      active: [{ startNs: 0, stopNs: 10 * MS }],
    });
    expect(storm('kind: unmap, blockable: false, window: 50us')).toMatchObject({
      firstPage: 0,
      pages: 1024,
      stepPages: 1024,
      periodNs: 0,
      times: 0,
      blockable: false,
      windowNs: 50_000,
    });
    expect(storm('kind: balloon')).toMatchObject({ kind: 'balloon', stepPages: 1 });
    expect(storm('kind: ksm, pagesToScan: 7')).toMatchObject({
      pagesToScan: 7,
      sleepNs: 20 * MS,
      duplicateShare: 0.5,
    });
    expect(storm('kind: numa-balancing')).toMatchObject({
      scanPages: 65_536,
      scanPeriodMinNs: 1e9,
      scanPeriodMaxNs: 60e9,
    });
  });

  it('are on in their phases, between their start and stop', () => {
    const phases =
      'phases=[{name: a, duration: 1ms, storms: none}, {name: b, duration: 2ms}, ' +
      '{name: c, duration: 3ms, storms: [mremap]}, {name: d, duration: 4ms, storms: []}]';
    const active = (fields: string) => storm(fields, 'duration=1ms', phases).active;
    expect(() => active('kind: mremap')).toThrow(/phases say already/);
    const inPhases = (fields: string) => {
      const text = 'machine: { cpus: 4 }\nguest: { memory: 4MiB, vcpus: 2 }\n';
      return simulationOf(scenario(text, phases, `storms=[${fields}, {kind: mremap}]`)).storms.map(
        (each) => each.active,
      );
    };
    expect(inPhases('{kind: mprotect}')).toEqual([
      [{ startNs: MS, stopNs: 3 * MS }],
      [{ startNs: MS, stopNs: 6 * MS }],
    ]);
    expect(inPhases('{kind: mprotect, start: 2ms, stop: 2500us}')[0]).toEqual([
      { startNs: 2 * MS, stopNs: 2.5 * MS },
    ]);
    expect(inPhases('{kind: mprotect, start: 4ms}')[0]).toEqual([]);
  });
});

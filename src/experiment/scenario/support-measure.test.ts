import { describe, expect, it } from 'vitest';
import { measureNotes, type MeasuringHost } from './support-measure.js';
import { loadScenario, parseScenario } from './scenario.js';
import { scenarioNames } from './scenario-names.js';
import { supportedPart, unsupported, withoutUnsupported } from './support.js';

const FILE = `version: 1
description: A test.
machine: { cpus: 4 }
guest: { memory: 4MiB, vcpus: 2 }
storms: [{ kind: madvise, advice: dontneed, range: 0..1MiB }]
duration: 1ms
`;

const host: MeasuringHost = {
  runner: 'measure',
  release: '6.12.107+deb13-amd64',
  preempt: 'lazy',
  armsChoosePreempt: false,
  cpus: 2,
  nodes: 1,
  preFaults: false,
  cannot: () => undefined,
};

const withHost = (fields: string): string => `${FILE}host: { ${fields} }\n`;

describe('what a real host cannot honour', () => {
  it('is a kernel that does not run there, where the scenario names one', () => {
    expect(unsupported(parseScenario(FILE), host)).toEqual([]);
    expect(unsupported(parseScenario(withHost('kernel: v6.12')), host)).toEqual([]);
    expect(unsupported(parseScenario(withHost('kernel: v6.1')), host)).toEqual([
      'host.kernel: v6.1 is not the kernel that runs here (6.12.107+deb13-amd64)',
    ]);
    const set = { option: '--set host.kernel=v6.7', path: ['host', 'kernel'], value: 'v6.7' };
    expect(unsupported(parseScenario(FILE, [set]), host)).toHaveLength(1);
  });

  it('is another preemption model, unless arms choose it or it cannot be told', () => {
    const scenario = parseScenario(withHost('preempt: full'));
    expect(unsupported(scenario, host)).toEqual([
      'host.preempt: this kernel runs preempt=lazy (--arm preempt=full switches it where it can)',
    ]);
    expect(unsupported(scenario, { ...host, preempt: 'full' })).toEqual([]);
    expect(unsupported(scenario, { ...host, armsChoosePreempt: true })).toEqual([]);
    const unknown = { ...host, preempt: undefined };
    expect(unsupported(scenario, unknown)).toEqual([]);
    expect(measureNotes(scenario, unknown)).toContainEqual(
      expect.stringMatching(/^host.preempt: cannot tell/),
    );
  });

  it('is memory that is mapped in advance, where KVM cannot', () => {
    const scenario = parseScenario(FILE.replace('vcpus: 2', 'vcpus: 2, mapped: true'));
    expect(unsupported(scenario, { ...host, preFaults: true })).toEqual([]);
    expect(unsupported(scenario, host)).toEqual([
      expect.stringMatching(/^guest.mapped: this KVM has no KVM_PRE/),
    ]);
    expect(withoutUnsupported(scenario, host)?.guest.mapped).toBe(false);
  });

  it('is every policy, and every storm that the host says it cannot do', () => {
    const scenario = parseScenario(`${FILE}policy: { needBreak: never, preCheck: none }\n`);
    const limits = unsupported(scenario, { ...host, cannot: ({ kind }) => `${kind}: no such file` });
    expect(limits).toEqual([
      'storms[0] (madvise): madvise: no such file',
      'policy.preCheck: a real kernel decides for itself',
      'policy.needBreak: a real kernel decides for itself',
    ]);
  });

  it('can be left out', () => {
    const scenario = parseScenario(
      withHost('kernel: v6.1, preempt: full').replace('storms', 'policy: { preCheck: none }\nstorms'),
    );
    const rest = withoutUnsupported(scenario, host);
    expect(rest && unsupported(rest, host)).toEqual([]);
    expect(rest).toMatchObject({ policy: {}, storms: [{ kind: 'madvise' }], host: { kernel: 'v6.1' } });
    expect(rest?.host).not.toHaveProperty('preempt');
  });

  it('stops with one line, or is said', () => {
    const scenario = parseScenario(withHost('kernel: v6.1'));
    expect(() => supportedPart(scenario, host, false)).toThrow(
      /^cannot be measured here: host\.kernel: v6\.1 is not .*\(--lenient runs it without\)$/,
    );
    expect(supportedPart(scenario, host, true).leftOut).toHaveLength(1);
  });

  it('is nothing about the shipped scenarios but kernels and preemption models that they name', () => {
    const limits = scenarioNames().flatMap((name) => unsupported(loadScenario(name), host));
    expect(limits.filter((each) => !/^host\.(kernel|preempt): /.test(each))).toEqual([]);
    const whole = scenarioNames().filter((name) => unsupported(loadScenario(name), host).length === 0);
    expect(whole).toEqual(expect.arrayContaining(['quiet', 'ksm-and-numa', 'madvise-page', 'dirty-logging']));
  });
});

describe('what a measurement does in its own way', () => {
  it('is said: the modelled machine, more vCPUs than CPUs, nodes that are not there', () => {
    const notes = measureNotes(loadScenario('ksm-and-numa'), host);
    expect(notes).toEqual([
      'machine: describes the model (intel-2s); this host has 2 CPUs',
      'guest.vcpus: 16 take turns on 2 CPUs',
      'guest.placement: interleave means nothing on one NUMA node',
    ]);
  });

  it('is nothing when the host is as described', () => {
    expect(measureNotes(parseScenario(FILE), { ...host, cpus: 4 })).toEqual([]);
  });
});

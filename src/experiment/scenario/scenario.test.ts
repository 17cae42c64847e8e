import { describe, expect, it } from 'vitest';
import { InputError } from '../../trace/errors.js';
import { parseOverride } from './overrides.js';
import { scenarioNames } from './scenario-names.js';
import { loadScenario, parseScenario, type Scenario } from './scenario.js';

const MS = 1e6;
const MIB = 2 ** 20;

/** A scenario that is right; tests change it line by line. */
const LINES = [
  'version: 1',
  'description: A test.',
  'machine: { cpus: 8, sockets: 2 }',
  'guest: { memory: 64MiB, vcpus: 4 }',
  'storms:',
  '  - { kind: madvise, advice: dontneed, range: 0..16MiB, step: 1MiB, period: 250us }',
  'duration: 20ms',
];

/** The file with line `line` (from 1) replaced, or lines added at its end. */
function file(line: number, ...text: string[]): string {
  return [...LINES.slice(0, line - 1), ...text, ...LINES.slice(line)].join('\n');
}

function parse(text: string, ...set: string[]): Scenario {
  return parseScenario(
    text,
    set.map((each) => parseOverride('--set', each)),
  );
}

/** The one line that a user sees. */
function problem(text: string, ...set: string[]): string {
  try {
    parse(text, ...set);
  } catch (error) {
    if (error instanceof InputError) return error.oneLine;
    throw error;
  }
  return 'nothing is wrong';
}

describe('a scenario', () => {
  it('is numbers without units once it is read, with the kernel’s defaults', () => {
    expect(parse(LINES.join('\n'))).toMatchObject({
      machine: { cpus: 8, sockets: 2 },
      host: { kernel: 'v6.12' },
      guest: { memory: 64 * MIB, vcpus: 4, pin: true, slots: 1, backing: '4KiB', access: { writes: 1 } },
      storms: [
        {
          kind: 'madvise',
          step: MIB,
          period: 0.25 * MS,
          range: { from: { bytes: 0 }, to: { bytes: 16 * MIB } },
        },
      ],
      duration: 20 * MS,
      seed: 1,
    });
    const storms = file(6, '  - kind: ksm', '  - kind: numa-balancing');
    expect(parse(storms).storms).toMatchObject([
      { pagesToScan: 100, sleep: 20 * MS },
      { scanSize: 256 * MIB, scanDelay: 1e9, scanPeriod: 1e9, scanPeriodMax: 60e9 },
    ]);
  });

  it.each([
    [
      4,
      'guest: { memory: 64MiB, vcpus: 0 }',
      'x.yaml:4 (guest.vcpus): 0 is out of bounds: write a whole number from 1 to 4096',
    ],
    [
      4,
      'guest: { memory: 64MiB, vcpus: 1.5 }',
      'x.yaml:4 (guest.vcpus): 1.5 is out of bounds: write a whole number from 1 to 4096',
    ],
    [4, 'guest: { memory: 64MiB }', 'x.yaml:4 (guest.vcpus): is missing'],
    [
      4,
      'guest: { memory: 64MB, vcpus: 4 }',
      'x.yaml:4 (guest.memory): "64MB" is no size: write a number and its unit (KiB, MiB, GiB, TiB), such as 2MiB',
    ],
    [
      4,
      'guest: { memory: 64, vcpus: 4 }',
      'x.yaml:4 (guest.memory): 64 has no unit: write a number and its unit (KiB, MiB, GiB, TiB), such as 2MiB',
    ],
    [
      4,
      'guest: { memory: 6.001KiB, vcpus: 4 }',
      'x.yaml:4 (guest.memory): "6.001KiB" is not a whole number of 4KiB pages',
    ],
    [
      4,
      'guest: { memory: 8KiB, vcpus: 4 }',
      'x.yaml:4 (guest.memory): has 2 pages, which is less than one for each of 4 vCPUs',
    ],
    [
      4,
      'guest: { memory: 64MiB, vcpus: 4, slots: 20000 }',
      'x.yaml:4 (guest.slots): more memslots than the 16384 pages of the memory',
    ],
    [
      4,
      'guest: { memory: 1028KiB, vcpus: 1, backing: thp }',
      'x.yaml:4 (guest.memory): must be a multiple of 2MiB for backing thp',
    ],
    [
      4,
      'guest: { memory: 64MiB, vcpus: 4, access: { writes: 120% } }',
      'x.yaml:4 (guest.access.writes): "120%" is more than 100%',
    ],
    [
      4,
      'guest: { memory: 64MiB, vcpus: 4, access: { writes: 0.5 } }',
      'x.yaml:4 (guest.access.writes): 0.5 has no unit: write a number and its unit (%), such as 50%',
    ],
    [
      4,
      'guest: { memory: 64MiB, vcpus: 4, access: { pattern: strided } }',
      'x.yaml:4 (guest.access.pattern): strided needs a stride beside it, such as stride: 2MiB',
    ],
    [
      4,
      'guest: { memory: 64MiB, vcpus: 4, access: { stride: 8KiB } }',
      'x.yaml:4 (guest.access.stride): has no meaning for pattern sequential: it belongs to strided',
    ],
    [
      4,
      'guest: { memory: 64MiB, vcpus: 4, access: { pattern: hot-set, hot: 32MiB } }',
      'x.yaml:4 (guest.access.hot): is not between one page and the region of a vCPU, which has 4096 pages',
    ],
    [
      3,
      'machine: { cpus: 2, sockets: 4 }',
      'x.yaml:3 (machine.sockets): more sockets (4) than CPUs (2): a socket needs one',
    ],
    [
      3,
      'machine: { cpus: 9, sockets: 2 }',
      'x.yaml:3 (machine.cpus): 9 CPUs cannot be shared evenly by 2 sockets of cores with 1 threads',
    ],
    [
      3,
      'machine: { cpus: 8, sockets: 2, nodes: 3 }',
      'x.yaml:3 (machine.nodes): 3 nodes: write 1, or a multiple of 2 (sockets) that divides 8 (cores)',
    ],
    [
      3,
      'machine: { cpus: 0 }',
      'x.yaml:3 (machine.cpus): 0 is out of bounds: write a whole number from 1 to 4096',
    ],
    [3, 'machine: {}', 'x.yaml:3 (machine): says nothing about CPUs: write cpus or preset'],
    [
      3,
      'machine: { preset: cray }',
      'x.yaml:3 (machine.preset): no machine "cray": there are amd-2s, base, intel-2s; or name a .yaml file',
    ],
    [7, 'duration: -5ms', 'x.yaml:7 (duration): "-5ms" is negative'],
    [7, 'duration: 0ms', 'x.yaml:7 (duration): "0ms" must be above 0'],
    [
      7,
      'duration: 5',
      'x.yaml:7 (duration): 5 has no unit: write a number and its unit (ns, us, ms, s), such as 250us',
    ],
    [
      7,
      'duration: 5 minutes',
      'x.yaml:7 (duration): "5 minutes" is no time: write a number and its unit (ns, us, ms, s), such as 250us',
    ],
    [
      7,
      'seed: 1',
      'x.yaml:1 (duration): is missing: write how long it lasts, such as duration: 1s, or phases',
    ],
    [7, 'duraton: 5ms', 'x.yaml:7 (duraton): there is no such field'],
  ])('with line %i changed to %s is refused', (line, text, says) => {
    expect(problem(file(line, text))).toBe(says);
  });

  it.each([
    [
      'kind: madvice, advice: dontneed',
      /^x\.yaml:6 \(storms\[0\]\.kind\): no such storm: there are madvise, mprotect, .*balloon$/,
    ],
    [
      'kind: madvise, advice: willneed',
      /^x\.yaml:6 \(storms\[0\]\.advice\): .*"dontneed"\|"free"\|"pageout"\|"collapse"/,
    ],
    [
      'kind: mprotect, range: 0..65MiB',
      /^x\.yaml:6 \(storms\[0\]\.range\): ends at page 16640, outside .* which has 16384 pages$/,
    ],
    ['kind: mprotect, range: 32MiB..16MiB', /\(storms\[0\]\.range\): is empty/],
    ['kind: mprotect, range: 50%..120%', /\(storms\[0\]\.range\): "120%" is more than 100%$/],
    ['kind: mprotect, range: 16MiB', /\(storms\[0\]\.range\): "16MiB" is no range: write FROM\.\.TO/],
    [
      'kind: mprotect, range: 0..1MiB, step: 2MiB',
      /\(storms\[0\]\.step\): is more than the range, which has 256 pages$/,
    ],
    ['kind: mprotect, period: -5ms', /^x\.yaml:6 \(storms\[0\]\.period\): "-5ms" is negative$/],
    ['kind: mprotect, start: 5ms, stop: 5ms', /\(storms\[0\]\.stop\): is not after the start$/],
    ['kind: mprotect, start: 20ms', /\(storms\[0\]\.start\): is after the end of the run$/],
    ['kind: mprotect, duty: 50%', /\(storms\[0\]\.duty\): cycle and duty belong together/],
    ['kind: mprotect, cycle: 1ms, duty: 0%', /\(storms\[0\]\.duty\): would never be on/],
    ['kind: ksm, step: 4KiB', /^x\.yaml:6 \(storms\[0\]\.step\): there is no such field$/],
    ['kind: ksm, sleep: 20', /\(storms\[0\]\.sleep\): 20 has no unit/],
    ['kind: memslot, slot: 1', /\(storms\[0\]\.slot\): there is no such memslot: guest\.slots is 1/],
    [
      'kind: numa-balancing, scanPeriod: 2s, scanPeriodMax: 1s',
      /\(storms\[0\]\.scanPeriodMax\): is less than/,
    ],
  ])('with the storm { %s } is refused', (storm, says) => {
    expect(problem(file(6, `  - { ${storm} }`))).toMatch(says);
  });

  it('gives each storm a name of its own', () => {
    const two = file(6, '  - { kind: mremap }', '  - { kind: mremap }');
    expect(problem(two)).toBe(
      'x.yaml:7 (storms[1].name): "mremap" is taken: give each storm a name of its own',
    );
  });

  it('refuses policies and kernels that do not exist or mean nothing', () => {
    expect(problem(file(7, LINES[6], 'host: { kernel: v6.9 }'))).toMatch(
      /^x\.yaml:8 \(host\.kernel\): no kernel "v6\.9": there are v5\.10, /,
    );
    expect(problem(file(7, LINES[6], 'policy: { preChek: none }'))).toMatch(
      /^x\.yaml:8 \(policy\.preChek\): there is no such policy; did you mean 'preCheck'\?/,
    );
    expect(problem(file(7, LINES[6], 'policy: { preCheck: maybe }'))).toMatch(
      /^x\.yaml:8 \(policy\.preCheck\): "maybe" is no value of this policy: write one of .*\bbefore-pfn\b/,
    );
    expect(problem(file(7, LINES[6], 'policy: { mmu: tdp, prefetch: always }'))).toMatch(
      /^x\.yaml:8 \(policy\): prefetch has no effect/,
    );
    expect(problem(file(7, LINES[6], 'host: { kernel: v7.0, preempt: none }'))).toMatch(
      /^x\.yaml:8 \(host\.preempt\): v7\.0 cannot run preempt=none/,
    );
  });

  it('takes numbers for policies that look like one', () => {
    const shadow = file(7, LINES[6], 'policy: { mmu: shadow, shadowBatch: 1, progressSteps: 4 }');
    expect(problem(shadow)).toMatch(/progressSteps has no effect/);
    expect(parse(shadow.replace(', progressSteps: 4', '')).policy).toEqual({
      mmu: 'shadow',
      shadowBatch: '1',
    });
  });

  it('refuses costs of nothing, and unknown ones', () => {
    expect(problem(file(7, LINES[6], 'costs: { vmExit: 0ns }'))).toBe(
      'x.yaml:8 (costs.vmExit): "0ns" must be above 0',
    );
    expect(problem(file(7, LINES[6], 'costs: { vmexit: 1us }'))).toMatch(
      /\(costs\.vmexit\): there is no such cost; did you mean 'vmExit'\?/,
    );
  });

  it('has phases or a duration', () => {
    const phases = [
      'phases:',
      '  - { name: warm, duration: 1ms, storms: none, counted: false }',
      '  - { name: run, duration: 9ms }',
    ];
    expect(parse(file(7, ...phases)).phases).toMatchObject([
      { counted: false },
      { storms: 'all', duration: 9 * MS },
    ]);
    expect(problem(file(7, ...phases, 'duration: 1s'))).toMatch(
      /^x\.yaml:10 \(duration\): phases say already/,
    );
    expect(problem(file(7, phases[0], phases[1]))).toMatch(/\(phases\): no phase is counted/);
    expect(problem(file(7, phases[0], '  - { name: x, duration: 1ms, storms: [ksm] }'))).toBe(
      'x.yaml:8 (phases[0].storms): no storm "ksm": there are madvise',
    );
  });

  it('says where covered touches would go', () => {
    const guest = (covered: string): string =>
      `guest: { memory: 64MiB, vcpus: 4, access: { covered: ${covered} } }`;
    expect(problem(file(4, guest('50%')))).toBe('nothing is wrong');
    expect(problem(file(4, guest('50%')), 'storms=[]')).toMatch(
      /\(guest\.access\.covered\): no storm covers any page$/,
    );
    expect(problem(file(4, guest('50%')), 'storms.madvise.range=all')).toMatch(
      /storms cover all of the memory/,
    );
  });

  it('survives YAML that is made to harm', () => {
    const laughs = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...Array.from('bcdefghi', (name, i) => `${name}: &${name} [${`*${'abcdefgh'[i]}, `.repeat(9)}]`),
    ];
    expect(problem(laughs.join('\n'))).toMatch(/^x\.yaml: Excessive alias count/);
    expect(problem('__proto__: { version: 1 }')).toMatch(/^x\.yaml:1/);
    expect(problem('[1, 2]')).toMatch(/^x\.yaml:1: /);
    expect(problem('storms: [')).toMatch(/^x\.yaml:1: /);
  });
});

describe('fields set on the command line', () => {
  const text = LINES.join('\n');

  it('go anywhere, and into lists by number, name or kind', () => {
    expect(parse(text, 'guest.vcpus=64', 'host.preempt=full', 'policy.needBreak=never')).toMatchObject({
      guest: { vcpus: 64 },
      host: { preempt: 'full' },
      policy: { needBreak: 'never' },
    });
    for (const item of ['storms[0]', 'storms.0', 'storms.madvise']) {
      expect(parse(text, `${item}.period=1ms`).storms).toMatchObject([{ period: MS }]);
    }
    expect(parse(text, 'storms=[{kind: ksm, sleep: 1ms}]').storms).toMatchObject([
      { kind: 'ksm', sleep: MS },
    ]);
  });

  it.each([
    ['guest.vcpus=0', '(--set guest.vcpus=0): 0 is out of bounds: write a whole number from 1 to 4096'],
    [
      'guest.memory=none',
      '(--set guest.memory=none): "none" is no size: write a number and its unit (KiB, MiB, GiB, TiB), such as 2MiB',
    ],
    ['gest.vcpus=1', '(--set gest.vcpus=1): there is no such field'],
    ['machine.sockets=16', '(--set machine.sockets=16): more sockets (16) than CPUs (8): a socket needs one'],
    ['storms.ksm.sleep=1ms', '(--set storms.ksm.sleep=1ms): no item "ksm" in storms: there are madvise'],
    ['duration.x=1', '(--set duration.x=1): duration has no fields'],
    [
      'guest.vcpus',
      '(--set guest.vcpus): write a field and its value, such as policy.needBreak=never or guest.vcpus=64',
    ],
    ['=1', '(--set =1): write a field and its value, such as policy.needBreak=never or guest.vcpus=64'],
    [
      'guest..x=1',
      '(--set guest..x=1): write a field and its value, such as policy.needBreak=never or guest.vcpus=64',
    ],
    ['guest.vcpus=', '(--set guest.vcpus=): has no value'],
    ['storms=[{', '(--set storms=[{): the value is no YAML: quote it'],
    [
      'guest.memory=1MiB',
      'x.yaml:6 (storms[0].range): ends at page 4096, outside the memory of the guest, which has 256 pages',
    ],
  ])('%s', (set, says) => {
    expect(problem(text, set)).toBe(says);
  });
});

describe('the scenarios that come with Faultline', () => {
  it('are these', () => {
    expect(scenarioNames()).toEqual([
      'balloon',
      'dirty-logging',
      'endless-hull',
      'fork-snapshot',
      'ksm-and-numa',
      'madvise-large',
      'madvise-page',
      'memslot-churn',
      'migrate',
      'quiet',
      'seed-incident',
      'swap-out',
      'thp-collapse',
      'uncovered',
      'weber',
      'writer-stream',
      'yan-unmap',
    ]);
  });

  it.each(scenarioNames())('%s is right', (name) => {
    expect(loadScenario(name)).toMatchObject({ name, version: 1 });
  });

  it('have Weber’s five variants, as the comment in the file gives them', () => {
    const variants = [
      ['policy.preCheck=after-pfn'],
      ['policy.preCheck=gfn-against-hva'],
      ['policy.needBreakGate=preempt-model'],
      ['policy.needBreakGate=preempt-model', 'host.preempt=full'],
      ['policy.preCheck=gfn-against-hva', 'policy.needBreakGate=preempt-model'],
    ];
    for (const set of variants) {
      expect(
        loadScenario(
          'weber',
          set.map((each) => parseOverride('--set', each)),
        ).host.kernel,
      ).toBe('v6.7');
    }
  });

  it('have Yan’s numbers', () => {
    const { guest } = loadScenario('yan-unmap');
    expect([guest.memory / 4096, guest.vcpus]).toEqual([0xb9800 - 0xb4000, 3]);
  });
});

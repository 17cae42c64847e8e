import { describe, expect, it } from 'vitest';
import { scenarioNames } from './scenario-names.js';
import { loadScenario, parseScenario } from './scenario.js';
import { unsupported, withoutUnsupported } from './support.js';

const FILE = `version: 1
description: A test.
machine: { cpus: 4 }
guest: { memory: 4MiB, vcpus: 2, access: { covered: 50% } }
storms:
  - { kind: madvise, advice: dontneed, range: 0..1MiB }
  - { kind: uffd-wp, name: snapshot, range: 1MiB..2MiB }
  - { kind: madvise, name: swap, advice: pageout, range: 1MiB..2MiB }
phases:
  - { name: a, duration: 1ms, storms: [madvise, snapshot] }
`;

describe('what simulate cannot honour', () => {
  it('is named storm by storm', () => {
    const limits = unsupported(parseScenario(FILE), 'simulate');
    expect(limits).toEqual([
      expect.stringMatching(/^storms\[1\] \(snapshot\): uffd-wp is not in the model, which has madvise, /),
      expect.stringMatching(
        /^storms\[2\] \(swap\): advice pageout is not in the model, which has dontneed, collapse$/,
      ),
    ]);
  });

  it('can be left out, and what is left can be simulated', () => {
    const rest = withoutUnsupported(parseScenario(FILE), 'simulate');
    expect(rest?.storms.map(({ kind }) => kind)).toEqual(['madvise']);
    expect(rest?.phases?.[0].storms).toEqual(['madvise']);
    expect(rest?.guest.access.covered).toBe(0.5);
    expect(rest && unsupported(rest, 'simulate')).toEqual([]);
  });

  it('takes the share of covered touches with the last storm', () => {
    const alone = FILE.replace(/.*dontneed.*\n/, '').replace('[madvise, snapshot]', 'all');
    const rest = withoutUnsupported(parseScenario(alone), 'simulate');
    expect(rest?.storms).toEqual([]);
    expect(rest?.guest.access).not.toHaveProperty('covered');
  });

  it('leaves nothing when the guest is too large for the model', () => {
    const large = parseScenario(FILE.replace('4MiB', '64GiB'));
    expect(unsupported(large, 'simulate').at(-1)).toBe(
      'guest.memory: the model has room for 32GiB, not for 64GiB',
    );
    expect(withoutUnsupported(large, 'simulate')).toBeUndefined();
  });

  it('is memory that the model does not know, which is then replaced', () => {
    const guest =
      'guest: { memory: 4MiB, vcpus: 2, backing: hugetlb, sharing: shared, mapped: true, samples: 8 }';
    const scenario = parseScenario(FILE.replace(/guest: .*/, guest));
    expect(unsupported(scenario, 'simulate').map((each) => each.split(':', 1)[0])).toEqual(
      expect.arrayContaining(['guest.backing', 'guest.sharing', 'guest.mapped', 'guest.samples']),
    );
    const rest = withoutUnsupported(scenario, 'simulate');
    expect(rest?.guest).toMatchObject({ backing: 'thp', sharing: 'private', mapped: false });
    expect(rest?.guest).not.toHaveProperty('samples');
  });

  it('is nothing for the scenarios of the incident', () => {
    const whole = scenarioNames().filter((name) => unsupported(loadScenario(name), 'simulate').length === 0);
    expect(whole).toEqual(
      expect.arrayContaining([
        'quiet',
        'madvise-large',
        'madvise-page',
        'ksm-and-numa',
        'weber',
        'yan-unmap',
        'uncovered',
      ]),
    );
  });
});

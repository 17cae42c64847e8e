/** Study files: what is filled in, and what is refused in which words. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../trace/errors.js';
import { CLAIM_IDS } from './claims/claims.js';
import { loadStudy } from './study-file.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-study-'));
afterAll(() => rmSync(folder, { recursive: true }));

const RECORDINGS = `
recordings:
  - { file: a.txt, name: a, storm: KSM, description: Nothing was done. }
`;

function study(rest: string) {
  writeFileSync(join(folder, 'a.txt'), '');
  const path = join(folder, 'mine.yaml');
  writeFileSync(path, `version: 1\ntitle: Mine\nintro: What was asked.${RECORDINGS}${rest}`);
  return loadStudy(path);
}

function complaint(rest: string): string {
  try {
    study(rest);
  } catch (error) {
    if (error instanceof InputError) return `${error.where.field ?? ''}: ${error.message}`;
    throw error;
  }
  throw new Error('nothing was wrong');
}

describe('study files', () => {
  it('simulate nothing unless they ask for it, and with three seeds', () => {
    expect(study('')).toMatchObject({ name: 'mine', claims: [], seeds: 3 });
    expect(study('claims: [yield, pre-check]\nseeds: 5\n')).toMatchObject({
      claims: ['yield', 'pre-check'],
      seeds: 5,
    });
  });

  it('the one that comes with Faultline simulates every claim', () => {
    expect(loadStudy('seed').claims).toEqual(CLAIM_IDS);
  });

  it.each([
    ['claims: [yeld]\n', /claims\[0\]: there is no claim "yeld": write one of pre-check, yield, trylock/],
    ['claims: [3]\n', /claims\[0\]: write the name of a claim: pre-check, yield/],
    ['measure: [quiet, nope]\n', /measure\[1\]: there is no scenario "nope": write one of balloon, /],
    ['measure: [quiet, quiet]\n', /measure\[1\]: "quiet" is there twice/],
    ['claims: [yield, shadow, yield]\n', /claims\[2\]: "yield" is there twice/],
    ['claims: yield\n', /claims: .*expected array/],
    ['seeds: 1\n', /seeds: an interval needs two seeds or more/],
    ['seeds: 2.5\n', /seeds: must be a whole number/],
    ['seeds: 1000\n', /seeds: at most 100/],
    ['claim: [yield]\n', /claim: there is no such field/],
  ])('refuse %j', (rest, message) => {
    expect(complaint(rest)).toMatch(message);
  });

  it('refuse a recording that is not there', () => {
    const path = join(folder, 'other.yaml');
    writeFileSync(path, `version: 1\ntitle: x\nintro: y${RECORDINGS.replace('a.txt', 'b.txt')}`);
    expect(() => loadStudy(path)).toThrow(/no such recording: b\.txt/);
  });
});

/** The house rules, as tests: each failure names the file, the line and what to do. */
import { describe, expect, it } from 'vitest';
import { EXCEPTIONS } from './tidy/house.js';
import { deadExports, noNodeInBrowserFolders, oneWayDependencies, readModules } from './tidy/module-rules.js';
import { formatViolation, readRepository, type Repository, type Violation } from './tidy/repository.js';
import {
  fileLength,
  fileNames,
  folderReadme,
  lineLength,
  machinePlaces,
  markdownTitle,
  switchedOffTests,
} from './tidy/text-rules.js';

const rules: Readonly<Record<string, (repository: Repository) => Violation[]>> = {
  'file length': fileLength,
  'line length': lineLength,
  'file names': fileNames,
  'a README in every source folder': folderReadme,
  'one title per Markdown file': markdownTitle,
  'no places of one machine': machinePlaces,
  'no test switched off': switchedOffTests,
  'dependencies go one way': (repository) => oneWayDependencies(readModules(repository)),
  'no Node in what runs in a browser': (repository) => noNodeInBrowserFolders(readModules(repository)),
  'no dead exports': (repository) => deadExports(repository, readModules(repository)),
};

describe('the repository is tidy', () => {
  const repository = readRepository();
  for (const [rule, find] of Object.entries(rules)) {
    it(rule, () => {
      const excepted = new Set(EXCEPTIONS.filter((each) => each.rule === rule).map(({ file }) => file));
      const violations = find(repository);
      expect(violations.filter(({ file }) => !excepted.has(file)).map(formatViolation)).toEqual([]);
      const broken = new Set(violations.map(({ file }) => file));
      expect([...excepted].filter((file) => !broken.has(file))).toEqual([]);
    });
  }

  it('every exception is to a rule, and says why', () => {
    expect(EXCEPTIONS.filter(({ rule, reason }) => !(rule in rules) || reason.length < 10)).toEqual([]);
  });
});

/** What `rule` says about a repository of these files. */
function findings(rule: string, files: Record<string, string>): string[] {
  return rules[rule](new Map(Object.entries(files))).map(formatViolation);
}

describe('the rules about text', () => {
  it('count lines', () => {
    const long = { 'src/a/a.ts': '\n'.repeat(400) + 'x', 'src/a/a.test.ts': '\n'.repeat(499) + 'x' };
    expect(findings('file length', long)).toEqual([
      'src/a/a.ts: 401 lines, at most 400: split it by subject',
    ]);
  });

  it('measure lines, except where they cannot be broken', () => {
    const words = 'word '.repeat(30).trim();
    const lines = [`// ${words}`, `  name: '${words}',`, `// https://example.org/${'x'.repeat(110)}`];
    expect(findings('line length', { 'src/a/a.ts': lines.join('\n') })).toEqual([
      'src/a/a.ts:1: 152 columns, at most 110: break the line',
    ]);
  });

  it('look at names, READMEs and titles', () => {
    expect(findings('file names', { 'src/a/camelCase.ts': '', 'src/a/kebab-case.test.ts': '' })).toHaveLength(
      1,
    );
    expect(findings('a README in every source folder', { 'src/a/x.ts': '', 'docs/x.md': '' })).toEqual([
      expect.stringMatching(/^src\/a\/README\.md: missing/),
    ]);
    const markdown = { 'a.md': '# A\n```\n# no title\n```\n', 'b.md': 'text', 'c.md': '# A\n# B\n' };
    expect(findings('one title per Markdown file', markdown)).toHaveLength(2);
  });

  it('find places of one machine', () => {
    const [work, host] = [['', 'work', 'x'].join('/'), ['registry', 'example.org'].join('.')];
    const inside = ['src', 'trace', 'work', 'x'].join('/');
    const lines = [inside, `see ${work}`, 'the registry of events', `https://${host}/yaml`];
    expect(findings('no places of one machine', { 'a.md': lines.join('\n') })).toEqual([
      expect.stringMatching(/^a\.md:2: '\S+' is a place/),
      expect.stringMatching(/^a\.md:4: 'registry\.\w' is a place/),
    ]);
  });

  it('find tests that are switched off', () => {
    const off = ['only', 'skipIf'].map((how) => `it.concurrent.${how}('x', () => {});`);
    expect(
      findings('no test switched off', { 'a.test.ts': [...off, "it.each([1])('x');"].join('\n') }),
    ).toHaveLength(2);
  });
});

describe('the rules about modules', () => {
  it('let dependencies go one way', () => {
    const files = {
      'src/trace/a.ts': "import { b } from '../explain/b.js';\nexport * from './c.js';",
      'src/trace/c.ts': "import yaml from 'yaml';\nconst x = await import('../../bench/d.js');",
      'src/trace/c.test.ts': "import { b } from '../explain/b.js';",
      'src/explain/b.ts': "import type { a } from '../trace/a.js';",
      'src/attic/e.ts': '',
      'bench/d.ts': '',
    };
    expect(findings('dependencies go one way', files)).toEqual([
      'src/trace/a.ts:1: imports src/explain/b.ts, but trace may import nothing: move the code or pass it in',
      'src/trace/c.ts:2: imports bench/d.ts, but trace may import nothing: move the code or pass it in',
      "src/attic/e.ts: no folder of the house: add 'attic' to test/tidy/house.ts",
    ]);
  });

  it('keep Node out of what runs in a browser', () => {
    const text = "import { x } from 'fs';\nexport { y } from 'node:path';\nimport z from 'yaml';";
    const files = { 'src/explain/a.ts': text, 'src/explain/a.test.ts': text, 'src/files/a.ts': text };
    expect(findings('no Node in what runs in a browser', files)).toEqual([
      expect.stringMatching(/^src\/explain\/a\.ts:1: imports fs,/),
      expect.stringMatching(/^src\/explain\/a\.ts:2: imports node:path,/),
    ]);
  });

  it('find exports that nobody uses, through re-exports too', () => {
    const files = {
      'src/trace/a.ts': [
        'export function used() {}',
        'export const { dead, star } = f();',
        'export interface Shape { x: number }',
        'export interface Unseen { x: number }',
        'export function shaped(): Shape {}',
        'export function tested() {}',
        '/** @internal for tests */',
        'export function forTests() {}',
        '/** @internal for tests */',
        'export function forNobody() {}',
        'export class Late {}',
      ].join('\n'),
      'src/trace/index.ts': "export { used as renamed, shaped } from './a.js';\nexport * from './a.js';",
      'src/trace/a.test.ts': "import { tested, forTests } from './a.js';",
      'src/cli/main.ts': [
        "import { renamed, star } from '../trace/index.js';",
        "type L = import('../trace/a.js').Late;",
      ].join('\n'),
    };
    expect(findings('no dead exports', files).map((each) => each.split(' ', 2).join(' '))).toEqual([
      'src/trace/a.ts:2: dead:',
      'src/trace/a.ts:4: Unseen:',
      'src/trace/a.ts:5: shaped:',
      'src/trace/a.ts:6: tested:',
      'src/trace/a.ts:10: forNobody:',
      'src/trace/index.ts:1: shaped:',
    ]);
  });

  it('take an import of everything for a use of everything', () => {
    const exported = { 'src/trace/a.ts': 'export const a = 1;', 'src/trace/b.ts': 'export const b = 1;' };
    const uses = "import * as all from '../trace/a.js';\nconst x = await import('../trace/b.js');";
    expect(findings('no dead exports', { ...exported, 'src/cli/main.ts': uses })).toEqual([]);
    const some = "const { a } = await import('../trace/a.js');\nconst { c } = await import('../trace/b.js');";
    expect(findings('no dead exports', { ...exported, 'src/cli/main.ts': some })).toEqual([
      expect.stringMatching(/^src\/trace\/b\.ts:1: b: exported, but/),
    ]);
  });
});

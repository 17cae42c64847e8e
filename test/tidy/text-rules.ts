/** House rules that need no more than the text of the files. */
import { MAX_COLUMNS, MAX_LINES, MAX_TEST_LINES } from './house.js';
import { isCode, isTest, type Repository, type Violation } from './repository.js';

export function fileLength(repository: Repository): Violation[] {
  return [...repository].flatMap(([file, text]) => {
    if (!isCode(file)) return [];
    const most = isTest(file) ? MAX_TEST_LINES : MAX_LINES;
    const lines = text.trimEnd().split('\n').length;
    return lines <= most ? [] : [{ file, message: `${lines} lines, at most ${most}: split it by subject` }];
  });
}

export function lineLength(repository: Repository): Violation[] {
  return linesOf(repository, isCode).flatMap(({ file, line, text }) => {
    if (text.length <= MAX_COLUMNS || isUnbreakable(text)) return [];
    return [{ file, line, message: `${text.length} columns, at most ${MAX_COLUMNS}: break the line` }];
  });
}

/** A line that is one string (an entry of a table of texts), or a comment around an address. */
function isUnbreakable(line: string): boolean {
  return /^\s*(?:[\w'-]+: )?(['"`]).*\1[,;]?$/.test(line) || /^\s*(?:\*|\/\/).*https?:\/\/\S+$/.test(line);
}

export function fileNames(repository: Repository): Violation[] {
  return [...repository.keys()].filter(isCode).flatMap((file) => {
    const name = file.slice(file.lastIndexOf('/') + 1);
    const good = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)+$/.test(name);
    return good ? [] : [{ file, message: 'name files in kebab-case' }];
  });
}

/** Every folder with source in it says what lives there. */
export function folderReadme(repository: Repository): Violation[] {
  const folders = new Set<string>();
  for (const file of repository.keys()) {
    const isSource = isCode(file) && /^(src|web|test|scripts|bench)\//.test(file);
    if (isSource || file.startsWith('recordings/')) folders.add(file.slice(0, file.lastIndexOf('/')));
  }
  return [...folders]
    .map((folder) => `${folder}/README.md`)
    .filter((file) => !repository.has(file))
    .map((file) => ({
      file,
      message: 'missing: say in a few lines what lives in this folder, and what may not',
    }));
}

export function markdownTitle(repository: Repository): Violation[] {
  return [...repository].flatMap(([file, text]) => {
    if (!file.endsWith('.md')) return [];
    const titles = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').match(/^# \S.*$/gm) ?? [];
    return titles.length === 1
      ? []
      : [{ file, message: `${titles.length} lines '# Title', want exactly one` }];
  });
}

// Written so that this file does not match itself.
const machinePaths = /(?:^|[^\w./])\/(?:work|tmp|root|home\/\w+)(?:\/|\b)/;
const registries = /\bregistry\.[a-z]|\bnpmjs\.(?:com|org)\b|"resolved"(?=:)/;

export function machinePlaces(repository: Repository): Violation[] {
  return linesOf(repository, () => true).flatMap(({ file, line, text }) => {
    const place = machinePaths.exec(text) ?? registries.exec(text);
    if (place === null) return [];
    return [{ file, line, message: `'${place[0].trim()}' is a place of one machine: leave it out` }];
  });
}

const switchedOff = /\b(?:it|test|describe)(?:\.\w+)*\.(?:only|skip|todo|skipIf|runIf)\b/;

export function switchedOffTests(repository: Repository): Violation[] {
  return linesOf(repository, isCode).flatMap(({ file, line, text }) => {
    const found = switchedOff.exec(text);
    if (found === null) return [];
    const message = `${found[0]}: run the test, delete it, or use requires() of test/requires.ts`;
    return [{ file, line, message }];
  });
}

function linesOf(
  repository: Repository,
  wanted: (file: string) => boolean,
): { file: string; line: number; text: string }[] {
  return [...repository].flatMap(([file, text]) =>
    wanted(file) ? text.split('\n').map((each, index) => ({ file, line: index + 1, text: each })) : [],
  );
}

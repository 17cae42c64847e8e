/** What the house rules look at: the files of the repository, as path and text. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../requires.js';

/** Text by path from the repository root, with '/' between folders. Binary files are left out. */
export type Repository = ReadonlyMap<string, string>;

/** One place that breaks a rule, and what to do about it. */
export interface Violation {
  file: string;
  /** 1-based; undefined when it is about the file as a whole. */
  line?: number;
  message: string;
}

/** `file:line: message` */
export function formatViolation({ file, line, message }: Violation): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${message}`;
}

/** Every text file that git would track: all but what .gitignore names. */
export function readRepository(): Repository {
  const ignored = readFileSync(join(repositoryRoot, '.gitignore'), 'utf8').split('\n');
  const isIgnored = (name: string, suffix: string): boolean =>
    name === '.git' ||
    ignored.includes(name + suffix) ||
    ignored.some((pattern) => pattern.startsWith('*.') && name.endsWith(pattern.slice(1)));
  const files = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(repositoryRoot, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !isIgnored(entry.name, '/')) walk(path);
      if (!entry.isFile() || isIgnored(entry.name, '')) continue;
      const bytes = readFileSync(join(repositoryRoot, path));
      if (!bytes.includes(0)) files.set(path, bytes.toString('utf8'));
    }
  };
  walk('');
  return files;
}

export const isCode = (path: string): boolean => /\.(ts|tsx|mts|mjs|js)$/.test(path);
export const isTest = (path: string): boolean => /\.test\.tsx?$/.test(path) || path.startsWith('test/');
/** Code of the product, its tools and its measurements, without the tests. */
export const isProduct = (path: string): boolean =>
  isCode(path) && !isTest(path) && /^(src|web|scripts|bench|bin)\//.test(path);

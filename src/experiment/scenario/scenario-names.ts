/**
 * Which scenarios come with Faultline: a look into a folder, so that --help can name them without loading
 * what runs them.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The scenarios that come with Faultline. */
export const SCENARIOS = fileURLToPath(new URL('../../../scenarios/', import.meta.url));

export function scenarioNames(): string[] {
  const files = existsSync(SCENARIOS) ? readdirSync(SCENARIOS) : [];
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/**
 * Which studies come with Faultline: a look into a folder, so that --help can name them without loading what
 * runs them.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The studies that come with Faultline. */
export const STUDIES = fileURLToPath(new URL('../../studies/', import.meta.url));

/** Names of the studies that come with Faultline. */
export function studyNames(): string[] {
  const files = existsSync(STUDIES) ? readdirSync(STUDIES) : [];
  return files.filter((file) => file.endsWith('.yaml')).map((file) => basename(file, '.yaml'));
}

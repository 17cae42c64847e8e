/**
 * The table of real parts (scripts/parts.txt) and the question whether this machine has one.
 * scripts/setup-machine reads the same table.
 */
import { constants, accessSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { repositoryRoot } from './root.mjs';

/**
 * @typedef {object} Part
 * @property {string} name what tests ask for
 * @property {string} kind command, device or folder
 * @property {string} target command name, device file, or folder from the repository root
 * @property {string} package Debian package, or '-'
 * @property {string} need required, later or extra; see scripts/parts.txt
 * @property {string} purpose what needs it
 */

/**
 * @internal for tests
 * @param {string} text lines of scripts/parts.txt
 * @returns {Part[]}
 */
export function parseParts(text) {
  const parts = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const columns = line.split('|').map((column) => column.trim());
    const [name = '', probe = '', packageName = '', need = '', purpose = ''] = columns;
    const [, kind = '', target = ''] = /^(command|device|folder):(.+)$/.exec(probe) ?? [];
    if (columns.length !== 5 || kind === '' || !['required', 'later', 'extra'].includes(need)) {
      throw new Error(
        `scripts/parts.txt:${index + 1}: want 'part | probe | package | need | for', got: ${line}`,
      );
    }
    parts.push({ name, kind, target, package: packageName, need, purpose });
  }
  return parts;
}

/** @returns {Part[]} the parts of scripts/parts.txt */
export function allParts() {
  return parseParts(readFileSync(join(repositoryRoot, 'scripts', 'parts.txt'), 'utf8'));
}

/**
 * Whether this machine has a part. A command counts when an executable file of its name is on PATH; a device
 * when this user may read and write it.
 *
 * @param {Part} part
 * @param {NodeJS.ProcessEnv} env PATH, and FAULTLINE_WITHOUT: parts (comma-separated) to treat as missing
 * @returns {boolean}
 */
export function hasPart(part, env = process.env) {
  if ((env.FAULTLINE_WITHOUT ?? '').split(',').includes(part.name)) return false;
  if (part.kind === 'device') return allows(part.target, constants.R_OK | constants.W_OK);
  if (part.kind === 'folder') {
    return statSync(resolve(repositoryRoot, part.target), { throwIfNoEntry: false })?.isDirectory() === true;
  }
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.some((folder) => {
    const file = join(folder, part.target);
    return allows(file, constants.X_OK) && statSync(file).isFile();
  });
}

/**
 * @param {string} file
 * @param {number} mode of fs.access
 */
function allows(file, mode) {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

/**
 * The missing part and what to do about it, in one line.
 *
 * @internal for tests
 *
 * @param {Part} part
 * @returns {string}
 */
export function missingReason(part) {
  const where = part.kind === 'command' ? `no ${part.target} on PATH` : `no usable ${part.target}`;
  const advice = part.package === '-' ? '' : '; scripts/setup-machine installs it';
  return `needs ${part.name} (${where}${advice})`;
}

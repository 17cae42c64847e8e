/**
 * The Node side of the page: its compiled script, and compression. The only file of src/report that touches
 * Node.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { InputError } from '../trace/errors.js';
import { linkModules } from './link.js';

export interface PageScript {
  readonly text: string;
  /** For the page's content security policy: no other script may run. */
  readonly sha256: string;
}

let script: PageScript | undefined;

/**
 * The script of the page in one piece. tsc compiles it along with everything else; run from dist/ it lies
 * beside this file, run from src/ (tests) in dist/ too.
 *
 * @throws InputError when it has not been built
 */
export function pageScript(): PageScript {
  if (script === undefined) {
    const text = linkModules('page/main.js', readCompiled);
    script = { text, sha256: createHash('sha256').update(text).digest('base64') };
  }
  return script;
}

function readCompiled(path: string): string {
  const places = [`./${path}`, `../../dist/report/${path}`].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  const file = places.find(existsSync);
  if (file === undefined) throw new InputError(`no compiled script of the report: run npm run build`);
  return readFileSync(file, 'utf8');
}

/** Raw deflate as base64: what the page's DecompressionStream reads. */
export function compress(text: string): string {
  return deflateRawSync(text, { level: 6 }).toString('base64');
}

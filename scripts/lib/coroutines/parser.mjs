/** The parser, loaded when a module has coroutines: the scripts run before packages are installed, too. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** @returns {typeof import('acorn')} */
export function acorn() {
  return require('acorn');
}

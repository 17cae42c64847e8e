/**
 * Compiles the coroutines of one module to flat state machines. README.md says what a coroutine is.
 *
 * `function* f(t, a) { const x = yield* g(t, a); return x + 1; }` becomes
 *
 *     function f(t, a) {
 *       let $pc = 0, $r, x;
 *       const $f = t.resuming;
 *       if ($f !== null) { t.resuming = null; $pc = $f.$pc; a = $f.v0; x = $f.v1; $r = t.value; }
 *       $: for (;;) switch ($pc) {
 *         case 0:
 *           $r = g(t, a); if (t.suspended) { t.save2(f, 1, a, x); return; }
 *         case 1:
 *           x = $r;
 *           return x + 1;
 *       }
 *     }
 *
 * src/model/frames.ts has the frames and the thread that collects them.
 */
import { createRequire } from 'node:module';
import { Emitter } from './emit.mjs';
import { refuse } from './refuse.mjs';

// Only when a module has coroutines: the scripts are loaded before the packages are installed.
const require = createRequire(import.meta.url);
/** @returns {typeof import('acorn')} */
const acorn = () => require('acorn');

const DIRECTIVE = 'use coroutines';

/**
 * Whether a module asks to be compiled.
 *
 * @param {string} source
 */
export function hasCoroutines(source) {
  return source.includes(`'${DIRECTIVE}'`) || source.includes(`"${DIRECTIVE}"`);
}

/**
 * @param {string} source JavaScript of one module
 * @param {string} file its name, for errors
 * @returns {string} the module with its coroutines compiled, unchanged when it has no directive
 * @throws Error that names file, line and construct, for what the compiler does not understand
 */
export function compileCoroutines(source, file) {
  if (!hasCoroutines(source)) return source;
  const program = acorn().parse(source, { ecmaVersion: 2023, sourceType: 'module', locations: true });
  const asks = program.body.some(
    (node) => node.type === 'ExpressionStatement' && node.directive === DIRECTIVE,
  );
  if (!asks) return source;
  let result = '';
  let copied = 0;
  for (const statement of program.body) {
    const node =
      statement.type === 'ExportNamedDeclaration' && statement.declaration
        ? statement.declaration
        : statement;
    if (node.type !== 'FunctionDeclaration' || !node.generator) continue;
    if (node.async || node.id === null) throw refuse(file, node, 'an async or nameless coroutine');
    result += source.slice(copied, node.start);
    result += new Emitter(source, file, node).compile();
    copied = node.end;
  }
  return result + source.slice(copied);
}

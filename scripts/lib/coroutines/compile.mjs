/**
 * Compiles the coroutines of one module to flat state machines. README.md says what a coroutine is.
 *
 * `function* f(t, a) { const x = yield* g(t, a); return x + 1; }` becomes
 *
 *     function f(t, a) {
 *       let $r, x;
 *       $r = g(t, a);
 *       if (t.suspended) return t.save2($r, f$resume, 1, 0, 0);
 *       x = $r;
 *       return x + 1;
 *     }
 *     function f$resume(t, $f) {
 *       let $pc = $f.$pc, $r = t.value, x;
 *       $: for (;;) switch ($pc) {
 *         case 1:
 *           x = $r;
 *           return x + 1;
 *       }
 *     }
 *
 * A call in tail position is a plain `return g(t, a)`: while it is suspended nothing of its caller is needed.
 * src/model/frames.ts has the frames and the thread that collects them.
 */
import { inlineConstants } from './constants.mjs';
import { Emitter } from './emit.mjs';
import { acorn } from './parser.mjs';
import { refuse } from './refuse.mjs';

const DIRECTIVE = 'use coroutines';

/**
 * Whether a module asks to be compiled.
 *
 * @param {string} source
 */
export function hasCoroutines(source) {
  return source.includes(`'${DIRECTIVE}'`) || source.includes(`"${DIRECTIVE}"`);
}

/** @param {string} source */
function parsed(source) {
  return acorn().parse(source, { ecmaVersion: 2023, sourceType: 'module', locations: true });
}

/**
 * @param {string} source JavaScript of one module
 * @param {string} file its name, for errors
 * @returns {string} the module with its coroutines compiled, unchanged when it has no directive
 * @throws Error that names file, line and construct, for what the compiler does not understand
 */
export function compileCoroutines(source, file) {
  if (!hasCoroutines(source)) return source;
  let program = parsed(source);
  const asks = program.body.some(
    (node) => node.type === 'ExpressionStatement' && node.directive === DIRECTIVE,
  );
  if (!asks) return source;
  source = inlineConstants(source, file, program);
  program = parsed(source);
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

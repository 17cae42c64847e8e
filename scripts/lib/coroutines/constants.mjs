/**
 * Named constants of the model as the numbers that they are.
 *
 * `Cost.makeSpte` of another module is three loads and two checks each time, because an engine does not take
 * the bindings of modules for constants; and there are a hundred of them on the way of one fault. Replaced
 * are members of `const X = { a: 1, b: 2 } as const` that the module imports by a relative path or declares.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { acorn } from './parser.mjs';
import { childrenOf } from './walk.mjs';

/** @typedef {import('acorn').AnyNode} AnyNode */
/** @typedef {Map<string, Map<string, number>>} Constants numbers by name and key */

/** @type {Map<string, { source: string, constants: Constants }>} */
const known = new Map();

/**
 * The constants that a module's text declares: objects of plain numbers.
 *
 * @param {string} source JavaScript or TypeScript
 * @returns {Constants}
 */
function constantsIn(source) {
  /** @type {Constants} */
  const constants = new Map();
  for (const match of source.matchAll(/^(?:export )?const (\w+) = (\{[^{}]*\})(?: as const)?;/gm)) {
    const [, name, text] = match;
    const members = membersOf(text);
    if (members !== undefined) constants.set(name, members);
  }
  return constants;
}

/**
 * @param {string} text of an object
 * @returns {Map<string, number> | undefined} its members, if all are numbers
 */
function membersOf(text) {
  /** @type {AnyNode} */
  let node;
  try {
    node = acorn().parseExpressionAt(text, 0, { ecmaVersion: 2023 });
  } catch {
    return undefined;
  }
  if (node.type !== 'ObjectExpression') return undefined;
  /** @type {Map<string, number>} */
  const members = new Map();
  for (const property of node.properties) {
    if (property.type !== 'Property' || property.computed || property.key.type !== 'Identifier')
      return undefined;
    const value = numberOf(property.value);
    if (value === undefined) return undefined;
    members.set(property.key.name, value);
  }
  return members;
}

/** @param {AnyNode} node */
function numberOf(node) {
  const isNegative = node.type === 'UnaryExpression' && node.operator === '-';
  const literal = isNegative ? node.argument : node;
  if (literal.type !== 'Literal' || typeof literal.value !== 'number') return undefined;
  return isNegative ? -literal.value : literal.value;
}

/**
 * @param {string} file an importing module
 * @param {string} from './costs.js'
 * @returns {Constants} of that module; none if there is no such file
 */
function constantsOf(file, from) {
  const path = resolve(dirname(file), from);
  const found = [path, path.replace(/\.js$/, '.ts')].find((each) => existsSync(each));
  if (found === undefined) return new Map();
  const source = readFileSync(found, 'utf8');
  const before = known.get(found);
  if (before?.source === source) return before.constants;
  const constants = constantsIn(source);
  known.set(found, { source, constants });
  return constants;
}

/**
 * @param {string} source of a module
 * @param {string} file
 * @param {import('acorn').Program} program the module, parsed
 * @returns {string} the module with its constants replaced
 */
export function inlineConstants(source, file, program) {
  const names = constantsIn(source);
  for (const node of program.body) {
    if (node.type !== 'ImportDeclaration' || !String(node.source.value).startsWith('.')) continue;
    const constants = constantsOf(file, String(node.source.value));
    for (const specifier of node.specifiers) {
      if (specifier.type !== 'ImportSpecifier' || specifier.imported.type !== 'Identifier') continue;
      const value = constants.get(specifier.imported.name);
      if (value !== undefined) names.set(specifier.local.name, value);
    }
  }
  /** @type {{ start: number, end: number, text: string }[]} */
  const edits = [];
  for (const node of program.body) if (node.type !== 'ImportDeclaration') collect(node, names, edits);
  let result = '';
  let copied = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start)) {
    result += source.slice(copied, start) + text;
    copied = end;
  }
  return result + source.slice(copied);
}

/**
 * Collects what is to be replaced. No local may have the name of such an object.
 *
 * @param {AnyNode} node
 * @param {Constants} names
 * @param {{ start: number, end: number, text: string }[]} edits
 */
function collect(node, names, edits) {
  if (node.type === 'MemberExpression' && !node.computed && node.object.type === 'Identifier') {
    const { property } = node;
    const value =
      property.type === 'Identifier' ? names.get(node.object.name)?.get(property.name) : undefined;
    if (value !== undefined) edits.push({ start: node.start, end: node.end, text: `(${value})` });
    return;
  }
  for (const child of childrenOf(node)) collect(child, names, edits);
}

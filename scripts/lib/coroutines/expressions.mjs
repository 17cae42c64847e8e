/**
 * Expressions: everything up to the last suspension becomes statements, the rest stays an expression.
 *
 * The order of evaluation is JavaScript's: a value that stands before a suspension is put aside first.
 */
import { refuse } from './refuse.mjs';
import { yields } from './walk.mjs';

/** @typedef {import('acorn').AnyNode} AnyNode */
/** @typedef {import('./emit.mjs').Emitter} Emitter */

/**
 * @param {Emitter} out takes the statements
 * @param {AnyNode} node
 * @returns {string} an expression with the node's value; it must be used before anything else is emitted
 */
export function expression(out, node) {
  if (!yields(node)) return out.text(node);
  switch (node.type) {
    case 'YieldExpression':
      return suspension(out, node);
    case 'UnaryExpression':
      return `${node.operator} (${expression(out, node.argument)})`;
    case 'BinaryExpression': {
      const [left, right] = inOrder(out, [node.left, node.right]);
      return `((${left}) ${node.operator} (${right}))`;
    }
    case 'LogicalExpression':
      return logical(out, node);
    case 'ConditionalExpression':
      return conditional(out, node);
    case 'AssignmentExpression':
      return assignment(out, node);
    case 'CallExpression':
    case 'NewExpression': {
      if (yields(node.callee)) throw refuse(out.file, node, 'a suspension in the name of a function');
      const values = inOrder(out, node.arguments);
      return `${node.type === 'NewExpression' ? 'new ' : ''}${out.text(node.callee)}(${values.join(', ')})`;
    }
    case 'MemberExpression': {
      const parts = inOrder(out, node.computed ? [node.object, node.property] : [node.object]);
      return node.computed ? `(${parts[0]})[${parts[1]}]` : `(${parts[0]}).${out.text(node.property)}`;
    }
    default:
      throw refuse(out.file, node, `a suspension inside ${node.type}`);
  }
}

/**
 * Several operands from left to right; each that stands before a suspension is put aside.
 *
 * @param {Emitter} out
 * @param {AnyNode[]} nodes
 * @returns {string[]}
 */
function inOrder(out, nodes) {
  const last = nodes.findLastIndex(yields);
  return nodes.map((node, index) => {
    const value = expression(out, node);
    if (index >= last || node.type === 'Literal') return value;
    return out.aside(value);
  });
}

/**
 * @param {Emitter} out
 * @param {import('acorn').YieldExpression} node
 */
function suspension(out, node) {
  return out.call(called(out, node));
}

/**
 * The call of `yield* f(...)`.
 *
 * @param {Emitter} out
 * @param {import('acorn').YieldExpression} node
 * @returns {string}
 */
export function called(out, node) {
  const call = node.argument;
  if (!node.delegate || call?.type !== 'CallExpression') {
    throw refuse(out.file, node, 'a yield that is not yield* f(...)');
  }
  return `${out.text(call.callee)}(${inOrder(out, call.arguments).join(', ')})`;
}

/**
 * @param {Emitter} out
 * @param {import('acorn').LogicalExpression} node
 */
function logical(out, node) {
  const left = expression(out, node.left);
  if (!yields(node.right)) return `((${left}) ${node.operator} (${out.text(node.right)}))`;
  const value = out.aside(left);
  const end = out.label();
  const decided = { '&&': `!${value}`, '||': value, '??': `${value} != null` }[node.operator];
  out.open(end);
  out.line(`if (${decided}) ${out.jump(end)}`);
  out.line(`${value} = ${expression(out, node.right)};`);
  out.place(end);
  return value;
}

/**
 * @param {Emitter} out
 * @param {import('acorn').ConditionalExpression} node
 */
function conditional(out, node) {
  const value = out.aside('0');
  const otherwise = out.label();
  const end = out.label();
  out.open(end);
  out.open(otherwise);
  out.line(`if (!(${expression(out, node.test)})) ${out.jump(otherwise)}`);
  out.line(`${value} = ${expression(out, node.consequent)};`);
  out.line(out.jump(end));
  out.place(otherwise);
  out.line(`${value} = ${expression(out, node.alternate)};`);
  out.place(end);
  return value;
}

/**
 * Assignment. What is left of the sign must be a name or a member of something that has no effects.
 *
 * @param {Emitter} out
 * @param {import('acorn').AssignmentExpression} node
 */
function assignment(out, node) {
  if (yields(node.left)) throw refuse(out.file, node, 'a suspension left of an assignment');
  if (node.left.type !== 'Identifier' && node.left.type !== 'MemberExpression') {
    throw refuse(out.file, node, 'destructuring around a suspension');
  }
  const target = out.text(node.left);
  if (node.operator === '=') return `(${target} = ${expression(out, node.right)})`;
  const before = out.aside(target);
  return `(${target} = ${before} ${node.operator.slice(0, -1)} (${expression(out, node.right)}))`;
}

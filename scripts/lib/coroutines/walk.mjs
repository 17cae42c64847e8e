/** Questions about syntax trees. */

/** @typedef {import('acorn').AnyNode} AnyNode */

/**
 * The child nodes of a node, in source order.
 *
 * @param {AnyNode} node
 * @returns {AnyNode[]}
 */
export function childrenOf(node) {
  /** @type {AnyNode[]} */
  const children = [];
  for (const value of Object.values(node)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item === 'object' && item !== null && typeof item.type === 'string') children.push(item);
    }
  }
  return children.toSorted((a, b) => a.start - b.start);
}

/** @type {WeakMap<AnyNode, boolean>} */
const known = new WeakMap();

/**
 * Whether a thread can be suspended inside `node`.
 *
 * @param {AnyNode} node
 * @returns {boolean}
 */
export function yields(node) {
  let answer = known.get(node);
  if (answer === undefined) {
    answer = node.type === 'YieldExpression' || (!isFunction(node) && childrenOf(node).some(yields));
    known.set(node, answer);
  }
  return answer;
}

/** @param {AnyNode} node */
function isFunction(node) {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  );
}

/** @param {AnyNode} node */
function isLoop(node) {
  return /^(For|ForIn|ForOf|While|DoWhile)Statement$/.test(node.type);
}

/**
 * The `break` and `continue` statements inside `node` that leave it.
 *
 * @param {AnyNode} node
 * @returns {AnyNode[]}
 */
export function jumpsOutOf(node, inLoop = false, inSwitch = false) {
  if (node.type === 'BreakStatement') return inLoop || inSwitch ? [] : [node];
  if (node.type === 'ContinueStatement') return inLoop ? [] : [node];
  if (isFunction(node)) return [];
  const loop = inLoop || isLoop(node);
  const cases = inSwitch || node.type === 'SwitchStatement';
  return childrenOf(node).flatMap((child) => jumpsOutOf(child, loop, cases));
}

/**
 * The compiler's one way to say no.
 *
 * @param {string} file
 * @param {import('acorn').Node} node
 * @param {string} what the construct that is not understood
 */
export function refuse(file, node, what) {
  const line = node.loc ? `:${node.loc.start.line}` : '';
  return new Error(`${file}${line}: ${what} is not possible in a coroutine ('use coroutines')`);
}

/**
 * Which variables matter after a suspension. Those that do not are not saved: frames stay small, and two
 * threads at the same place whose futures are the same have equal frames.
 *
 * Works on the emitted lines. A name in a line is a read, unless the line does nothing but assign to it; a
 * mistake on that side costs a slot in a frame and nothing else.
 */

/**
 * @typedef {{ reads: Set<string>, writes: string | undefined, next: number[], falls: boolean, label: number
 *   }} Line
 */

/**
 * @param {readonly string[]} lines of one function, after emission
 * @param {readonly string[]} variables
 * @returns {Map<number, Set<string>>} by label: the variables that are read from there on before they are
 *   written
 */
export function liveAtLabels(lines, variables) {
  const program = lines.map((line) => analysed(line, variables));
  const at = new Map(program.flatMap(({ label }, index) => (label >= 0 ? [[label, index]] : [])));
  /** @type {Set<string>[]} */
  const live = program.map(() => new Set());
  for (let changed = true; changed;) {
    changed = false;
    for (let index = program.length - 1; index >= 0; index--) {
      const { reads, writes, next, falls } = program[index];
      const after = next.map((label) => live[at.get(label) ?? -1]);
      if (falls && index + 1 < program.length) after.push(live[index + 1]);
      const before = new Set(reads);
      for (const set of after) for (const name of set ?? []) if (name !== writes) before.add(name);
      if (before.size === live[index].size) continue;
      live[index] = before;
      changed = true;
    }
  }
  return new Map([...at].map(([label, index]) => [label, live[index]]));
}

/**
 * The lines that can be reached from some labels.
 *
 * @param {readonly string[]} lines
 * @param {readonly number[]} labels
 * @returns {string[]}
 */
export function reachedFrom(lines, labels) {
  const program = lines.map((line) => analysed(line, []));
  const at = new Map(program.flatMap(({ label }, index) => (label >= 0 ? [[label, index]] : [])));
  const reached = new Set();
  const open = [...labels];
  for (let label = open.pop(); label !== undefined; label = open.pop()) {
    for (let index = at.get(label) ?? lines.length; index < lines.length && !reached.has(index); index++) {
      reached.add(index);
      open.push(...program[index].next);
      if (!program[index].falls) break;
    }
  }
  return lines.filter((_, index) => reached.has(index));
}

/**
 * @param {string} line
 * @param {readonly string[]} variables
 * @returns {Line}
 */
function analysed(line, variables) {
  const label = /^case (\d+):$/.exec(line);
  const assigned = /^\(?([\w$]+) = ([^]*);$/.exec(line);
  const isSave = line.includes('$SAVE(');
  const writes = assigned !== null && !isSave && !line.includes('\n') ? assigned[1] : undefined;
  const text = writes === undefined || assigned === null ? line : assigned[2];
  return {
    reads: new Set(isSave ? [] : variables.filter((name) => mentions(text, name))),
    writes,
    next: [...line.matchAll(/\$JUMP\((\d+)\)/g)].map(([, target]) => Number(target)),
    falls: !/^(return\b|\$JUMP\()/.test(line),
    label: label === null ? -1 : Number(label[1]),
  };
}

/**
 * @param {string} text
 * @param {string} name
 */
function mentions(text, name) {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const after = text[at + name.length] ?? ' ';
    if (!/[\w$.]/.test(before) && !/[\w$]/.test(after)) return true;
  }
  return false;
}

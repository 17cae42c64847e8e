/**
 * Statements, and the function around them.
 *
 * What cannot be suspended is copied as it is. A statement that can is taken apart into pieces that end at
 * a suspension or a jump; the pieces are the cases of one switch.
 */
import { expression } from './expressions.mjs';
import { liveAtLabels } from './liveness.mjs';
import { refuse } from './refuse.mjs';
import { jumpsOutOf, yields } from './walk.mjs';

/** @typedef {import('acorn').AnyNode} AnyNode */
/** @typedef {{ onBreak: number, onContinue: number | undefined }} Target where break and continue lead */

/** How many variables the classes of src/model/frames.ts hold. */
const FRAME_SIZES = [2, 4, 8, 20];

export class Emitter {
  /** @type {string[]} */
  #lines = [];
  /** @type {Target[]} */
  #targets = [];
  #labels = 1;
  /** Labels at which a suspended thread goes on.
   * @type {number[]} */
  #suspensions = [];
  #asides = 0;
  #mostAsides = 0;
  /** @type {string[]} */
  #parameters;
  /** @type {Set<string>} */
  #locals = new Set();
  /** Names by block, innermost last: all become variables of one function, so none may hide another.
   * @type {Set<string>[]} */
  #scopes;

  /**
   * @param {string} source
   * @param {string} file
   * @param {import('acorn').FunctionDeclaration | import('acorn').AnonymousFunctionDeclaration} node
   */
  constructor(source, file, node) {
    this.source = source;
    this.file = file;
    this.node = node;
    this.#parameters = node.params.map((parameter) => {
      if (parameter.type === 'Identifier') return parameter.name;
      throw refuse(file, parameter, 'a parameter that is not a plain name');
    });
    if (this.#parameters.length === 0) throw refuse(file, node, 'no parameter for the thread');
    this.#scopes = [new Set(this.#parameters)];
  }

  get #thread() {
    return this.#parameters[0];
  }

  /** @returns {string} the compiled function */
  compile() {
    const name = this.node.id?.name ?? '';
    this.#block(this.node.body.body);
    const body = this.#lines.join('\n');
    const parameters = this.#parameters.join(', ');
    if (this.#labels === 1) return `function ${name}(${parameters}) {\n${body}\n}`;
    const asides = Array.from({ length: this.#mostAsides }, (_, index) => `$${index}`);
    const variables = [...this.#parameters.slice(1), ...this.#locals, ...asides];
    const live = liveAtLabels(this.#lines, variables);
    const saved = variables.filter((each) => this.#suspensions.some((label) => live.get(label)?.has(each)));
    const size = FRAME_SIZES.find((each) => each >= saved.length);
    if (size === undefined) throw refuse(this.file, this.node, `more than ${FRAME_SIZES.at(-1)} variables`);
    const locals = ['$pc = 0', '$r', ...this.#locals, ...asides].join(', ');
    const restore = saved.map((variable, slot) => `${variable} = $f.v${slot};`).join(' ');
    const thread = this.#thread;
    const save = (/** @type {string} */ label) => {
      const wanted = live.get(Number(label));
      const values = Array.from({ length: size }, (_, slot) =>
        wanted?.has(saved[slot]) ? saved[slot] : '0',
      );
      return `${thread}.save${size}(${[name, label, ...values].join(', ')})`;
    };
    return [
      `function ${name}(${parameters}) {`,
      `let ${locals};`,
      `const $f = ${thread}.resuming;`,
      `if ($f !== null) { ${thread}.resuming = null; $pc = $f.$pc; ${restore} $r = ${thread}.value; }`,
      `$: for (;;) switch ($pc) {\ncase 0:\n${body}\nreturn;\n}\n}`,
      `${name}.$fields = ${JSON.stringify(saved)};`,
    ]
      .join('\n')
      .replaceAll(/\$SAVE\((\d+)\)/g, (_, label) => save(label));
  }

  // What expressions need.

  /** @param {string} text */
  line(text) {
    this.#lines.push(text);
  }

  /** A new label, not placed yet. */
  label() {
    return this.#labels++;
  }

  /** @param {number} label */
  place(label) {
    this.line(`case ${label}:`);
  }

  /** @param {number} label */
  jump(label) {
    return `{ $pc = ${label}; continue $; }`;
  }

  /**
   * Puts a value aside until the end of the statement.
   *
   * @param {string} value
   * @returns {string} its name
   */
  aside(value) {
    const name = `$${this.#asides++}`;
    this.#mostAsides = Math.max(this.#mostAsides, this.#asides);
    this.line(`${name} = ${value};`);
    return name;
  }

  /**
   * A call during which the thread may be suspended.
   *
   * @param {string} call
   * @returns {string} its result
   */
  call(call) {
    const next = this.label();
    this.#suspensions.push(next);
    this.line(`$r = ${call};`);
    this.line(`if (${this.#thread}.suspended) { $SAVE(${next}); return; }`);
    this.place(next);
    return '$r';
  }

  /**
   * Source text of a node that cannot be suspended; its jumps out of it go where they went.
   *
   * @param {AnyNode} node
   */
  text(node) {
    let text = '';
    let copied = node.start;
    for (const jump of jumpsOutOf(node)) {
      text += this.source.slice(copied, jump.start) + this.#jumpOf(jump);
      copied = jump.end;
    }
    return text + this.source.slice(copied, node.end);
  }

  /** @param {AnyNode} node */
  #jumpOf(node) {
    if (node.type !== 'BreakStatement' && node.type !== 'ContinueStatement') throw new Error('not a jump');
    if (node.label) throw refuse(this.file, node, 'a jump to a label');
    const target = this.#targets.findLast(
      (each) => node.type === 'BreakStatement' || each.onContinue !== undefined,
    );
    if (target === undefined) throw refuse(this.file, node, 'a jump that leaves nothing');
    return this.jump(node.type === 'BreakStatement' ? target.onBreak : (target.onContinue ?? 0));
  }

  // Statements.

  /** @param {AnyNode[]} nodes */
  #block(nodes) {
    this.#scopes.push(new Set());
    for (const node of nodes) this.#statement(node);
    this.#scopes.pop();
  }

  /** @param {AnyNode} node */
  #statement(node) {
    this.#asides = 0;
    if (node.type === 'VariableDeclaration') return this.#declaration(node);
    if (!yields(node)) return this.line(this.text(node));
    switch (node.type) {
      case 'BlockStatement':
        return this.#block(node.body);
      case 'ExpressionStatement':
        return this.line(`${expression(this, node.expression)};`);
      case 'ReturnStatement':
        return this.line(`return ${node.argument ? expression(this, node.argument) : ''};`);
      case 'IfStatement':
        return this.#if(node);
      case 'WhileStatement':
      case 'ForStatement':
        return this.#loop(node);
      case 'DoWhileStatement':
        return this.#doWhile(node);
      case 'SwitchStatement':
        return this.#switch(node);
      default:
        throw refuse(this.file, node, `a suspension inside ${node.type}`);
    }
  }

  /** @param {import('acorn').VariableDeclaration} node */
  #declaration(node) {
    for (const { id, init } of node.declarations) {
      for (const name of this.#namesIn(id)) this.#declare(node, name);
      const value = init ? expression(this, init) : '0';
      const isPattern = id.type !== 'Identifier';
      this.line(isPattern ? `(${this.text(id)} = ${value});` : `${this.text(id)} = ${value};`);
    }
  }

  /**
   * Names that a declaration declares: a plain one, or `{ a, b: c }`.
   *
   * @param {import('acorn').Pattern} id
   * @returns {string[]}
   */
  #namesIn(id) {
    if (id.type === 'Identifier') return [id.name];
    if (id.type !== 'ObjectPattern') throw refuse(this.file, id, 'destructuring of this kind');
    return id.properties.map((property) => {
      if (property.type === 'Property' && property.value.type === 'Identifier') return property.value.name;
      throw refuse(this.file, property, 'destructuring of this kind');
    });
  }

  /**
   * @param {AnyNode} node
   * @param {string} name
   */
  #declare(node, name) {
    if (this.#scopes.some((names) => names.has(name))) {
      throw refuse(this.file, node, `a ${name} that hides another`);
    }
    this.#scopes.at(-1)?.add(name);
    this.#locals.add(name);
  }

  /** @param {import('acorn').IfStatement} node */
  #if(node) {
    const otherwise = this.label();
    this.line(`if (!(${expression(this, node.test)})) ${this.jump(otherwise)}`);
    this.#statement(node.consequent);
    if (!node.alternate) return this.place(otherwise);
    const end = this.label();
    this.line(this.jump(end));
    this.place(otherwise);
    this.#statement(node.alternate);
    this.place(end);
  }

  /** @param {import('acorn').WhileStatement | import('acorn').ForStatement} node */
  #loop(node) {
    const [start, step, end] = [this.label(), this.label(), this.label()];
    this.#scopes.push(new Set());
    if (node.type === 'ForStatement' && node.init) {
      if (node.init.type === 'VariableDeclaration') this.#declaration(node.init);
      else this.line(`${expression(this, node.init)};`);
    }
    this.place(start);
    this.#asides = 0;
    if (node.test) this.line(`if (!(${expression(this, node.test)})) ${this.jump(end)}`);
    this.#targets.push({ onBreak: end, onContinue: step });
    this.#statement(node.body);
    this.#targets.pop();
    this.place(step);
    this.#asides = 0;
    if (node.type === 'ForStatement' && node.update) this.line(`${expression(this, node.update)};`);
    this.line(this.jump(start));
    this.place(end);
    this.#scopes.pop();
  }

  /** @param {import('acorn').DoWhileStatement} node */
  #doWhile(node) {
    const [start, step, end] = [this.label(), this.label(), this.label()];
    this.place(start);
    this.#targets.push({ onBreak: end, onContinue: step });
    this.#statement(node.body);
    this.#targets.pop();
    this.place(step);
    this.#asides = 0;
    this.line(`if (${expression(this, node.test)}) ${this.jump(start)}`);
    this.place(end);
  }

  /** @param {import('acorn').SwitchStatement} node */
  #switch(node) {
    const end = this.label();
    const value = this.aside(expression(this, node.discriminant));
    const labels = node.cases.map(() => this.label());
    for (const [index, { test }] of node.cases.entries()) {
      if (!test) continue;
      if (yields(test)) throw refuse(this.file, test, 'a suspension in a case');
      this.line(`if (${value} === (${this.text(test)})) ${this.jump(labels[index])}`);
    }
    const fallback = node.cases.findIndex(({ test }) => !test);
    this.line(this.jump(fallback < 0 ? end : labels[fallback]));
    this.#targets.push({ onBreak: end, onContinue: undefined });
    for (const [index, { consequent }] of node.cases.entries()) {
      this.place(labels[index]);
      this.#block(consequent);
    }
    this.#targets.pop();
    this.place(end);
  }
}

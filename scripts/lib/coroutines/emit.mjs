/**
 * Statements, and the functions around them.
 *
 * What cannot be suspended is copied as it is. A statement that can is taken apart into pieces that end at
 * a suspension or a jump. They are emitted twice: nested, in blocks with a name to jump out of, which is
 * what a call runs that comes from the beginning; and flat, as the cases of one switch, to go on after a
 * suspension.
 */
import { called, expression } from './expressions.mjs';
import { liveAtLabels, reachedFrom } from './liveness.mjs';
import { refuse } from './refuse.mjs';
import { jumpsOutOf, yields } from './walk.mjs';

/** @typedef {import('acorn').AnyNode} AnyNode */
/** @typedef {{ onBreak: number, onContinue: number | undefined }} Target where break and continue lead */

/** How many variables the classes of src/model/frames.ts hold. */
const FRAME_SIZES = [2, 4, 8, 20];

export class Emitter {
  /** The flat form, and the nested one.
   * @type {string[]} */
  #flat = [];
  /** @type {string[]} */
  #nested = [];
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

  /** @returns {string} the compiled function, and the one that its frames go on with */
  compile() {
    const name = this.node.id?.name ?? '';
    this.#block(this.node.body.body, true);
    const parameters = this.#parameters.join(', ');
    const asides = Array.from({ length: this.#mostAsides }, (_, index) => `$${index}`);
    const variables = [...this.#parameters.slice(1), ...this.#locals, ...asides];
    const live = liveAtLabels(this.#flat, variables);
    const saved = variables.filter((each) => this.#suspensions.some((label) => live.get(label)?.has(each)));
    const size = FRAME_SIZES.find((each) => each >= saved.length);
    if (size === undefined) throw refuse(this.file, this.node, `more than ${FRAME_SIZES.at(-1)} variables`);
    const thread = this.#thread;
    const resume = `${name}$resume`;
    const save = (/** @type {string} */ label) => {
      const wanted = live.get(Number(label));
      const values = Array.from({ length: size }, (_, slot) =>
        wanted?.has(saved[slot]) ? saved[slot] : '0',
      );
      return `return ${thread}.save${size}(${['$r', resume, label, ...values].join(', ')});`;
    };
    const finished = (/** @type {string[]} */ lines) =>
      lines.join('\n').replaceAll(/\$SAVE\((\d+)\)/g, (_, label) => save(label));
    const nested = finished([
      `function ${name}(${parameters}) {`,
      `let ${['$r', ...this.#locals, ...asides].join(', ')};`,
      ...this.#nested,
      '}',
    ]).replaceAll(/\$JUMP\((\d+)\)/g, 'break $$$1;');
    if (this.#suspensions.length === 0) return nested;
    const read = saved.map((variable, slot) => `${variable} = $f.v${slot}`);
    const others = variables.filter((each) => !saved.includes(each));
    const flat = finished([
      `function ${resume}(${thread}, $f) {`,
      `let ${['$pc = $f.$pc', `$r = ${thread}.value`, ...read, ...others].join(', ')};`,
      '$: for (;;) switch ($pc) {',
      ...reachedFrom(this.#flat, this.#suspensions),
      'return;\n}\n}',
      `${resume}.$fields = ${JSON.stringify(saved)};`,
    ]).replaceAll(/\$JUMP\((\d+)\)/g, '{ $pc = $1; continue $; }');
    return `${nested}\n${flat}`;
  }

  // What expressions need.

  /** @param {string} text */
  line(text) {
    this.#flat.push(text);
    this.#nested.push(text);
  }

  /** A new label, not placed yet. */
  label() {
    return this.#labels++;
  }

  /**
   * Begins what a jump to a label leaves; `place` ends it.
   *
   * @param {number} label
   */
  open(label) {
    this.#nested.push(`$${label}: {`);
  }

  /** @param {number} label */
  place(label) {
    this.#flat.push(`case ${label}:`);
    this.#nested.push('}');
  }

  /** @param {number} label of what was opened and not yet placed */
  jump(label) {
    return `$JUMP(${label})`;
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
    this.line(`if (${this.#thread}.suspended) $SAVE(${next})`);
    this.#flat.push(`case ${next}:`);
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

  // Statements. The last of a coroutine are in tail position: what they call returns for them.

  /**
   * @param {AnyNode[]} nodes
   * @param {boolean} isTail
   */
  #block(nodes, isTail) {
    this.#scopes.push(new Set());
    for (const [index, node] of nodes.entries()) {
      this.#statement(node, isTail && index === nodes.length - 1);
    }
    this.#scopes.pop();
  }

  /**
   * @param {AnyNode} node
   * @param {boolean} isTail
   */
  #statement(node, isTail) {
    this.#asides = 0;
    if (node.type === 'VariableDeclaration') return this.#declaration(node);
    if (!yields(node)) return this.line(this.text(node));
    switch (node.type) {
      case 'BlockStatement':
        return this.#block(node.body, isTail);
      case 'ExpressionStatement':
        return this.#effect(node.expression, isTail);
      case 'ReturnStatement':
        return this.#return(node);
      case 'IfStatement':
        return this.#if(node, isTail);
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

  /**
   * A statement that is an expression. In tail position a call needs no frame.
   *
   * @param {AnyNode} node
   * @param {boolean} isTail
   */
  #effect(node, isTail) {
    if (isTail && node.type === 'YieldExpression') return this.line(`return ${called(this, node)};`);
    const value = expression(this, node);
    if (value !== '$r') this.line(`${value};`);
  }

  /** @param {import('acorn').ReturnStatement} node */
  #return({ argument }) {
    if (argument?.type === 'YieldExpression') return this.line(`return ${called(this, argument)};`);
    this.line(`return ${argument ? expression(this, argument) : ''};`);
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

  /**
   * @param {import('acorn').IfStatement} node
   * @param {boolean} isTail
   */
  #if(node, isTail) {
    const otherwise = this.label();
    const end = node.alternate ? this.label() : undefined;
    if (end !== undefined) this.open(end);
    this.open(otherwise);
    this.line(`if (!(${expression(this, node.test)})) ${this.jump(otherwise)}`);
    this.#statement(node.consequent, isTail);
    if (end !== undefined) this.line(this.jump(end));
    this.place(otherwise);
    if (end === undefined || !node.alternate) return;
    this.#statement(node.alternate, isTail);
    this.place(end);
  }

  /** @param {import('acorn').WhileStatement | import('acorn').ForStatement} node */
  #loop(node) {
    const [start, step, end] = [this.label(), this.label(), this.label()];
    this.#scopes.push(new Set());
    if (node.type === 'ForStatement' && node.init) {
      if (node.init.type === 'VariableDeclaration') this.#declaration(node.init);
      else this.#effect(node.init, false);
    }
    this.#begin(start, end);
    this.#asides = 0;
    if (node.test) this.line(`if (!(${expression(this, node.test)})) ${this.jump(end)}`);
    this.open(step);
    this.#inside({ onBreak: end, onContinue: step }, node.body);
    this.place(step);
    this.#asides = 0;
    if (node.type === 'ForStatement' && node.update) this.#effect(node.update, false);
    this.#again(start, end);
    this.#scopes.pop();
  }

  /** @param {import('acorn').DoWhileStatement} node */
  #doWhile(node) {
    const [start, step, end] = [this.label(), this.label(), this.label()];
    this.#begin(start, end);
    this.open(step);
    this.#inside({ onBreak: end, onContinue: step }, node.body);
    this.place(step);
    this.#asides = 0;
    this.line(`if (!(${expression(this, node.test)})) ${this.jump(end)}`);
    this.#again(start, end);
  }

  /**
   * The start of a loop.
   *
   * @param {number} start
   * @param {number} end
   */
  #begin(start, end) {
    this.#flat.push(`case ${start}:`);
    this.#nested.push(`$${end}: for (;;) {`);
  }

  /**
   * The end of a loop.
   *
   * @param {number} start
   * @param {number} end
   */
  #again(start, end) {
    this.#flat.push(this.jump(start));
    this.place(end);
  }

  /**
   * @param {Target} target
   * @param {AnyNode} body
   */
  #inside(target, body) {
    this.#targets.push(target);
    this.#statement(body, false);
    this.#targets.pop();
  }

  /** @param {import('acorn').SwitchStatement} node */
  #switch(node) {
    const end = this.label();
    const value = this.aside(expression(this, node.discriminant));
    const labels = node.cases.map(() => this.label());
    this.open(end);
    for (const label of labels.toReversed()) this.open(label);
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
      this.#block(consequent, false);
    }
    this.#targets.pop();
    this.place(end);
  }
}

/**
 * The compiler of coroutines against the engine's own generators: each sample runs both ways with every
 * pattern of suspension, and must call the same operations with the same arguments and give the same
 * result.
 */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { Suspendable } from '../src/model/frames.js';
import { compileCoroutines } from '../scripts/lib/coroutines/compile.mjs';

/** Runs coroutines compiled or not; `step` may suspend at each call, as `suspensions` says. */
class Thread extends Suspendable {
  readonly log: string[] = [];
  #calls = 0;

  constructor(readonly suspensions: (call: number) => boolean) {
    super();
  }

  /** An operation: 0 to 3, a function of its arguments and of how many came before. */
  step = (...values: unknown[]): unknown => {
    this.log.push(values.join(','));
    const result = (this.#calls * 7 + values.reduce<number>((sum, value) => sum + Number(value), 0)) % 4;
    this.suspended = this.suspensions(this.#calls++);
    this.value = result;
    return this.suspended ? undefined : result;
  };

  /** To the end, however often it is suspended; then `value` is the result. */
  finish(start: () => unknown): unknown {
    while (!this.run(start));
    return this.value;
  }
}

const samples: Record<string, string> = {
  straight:
    'function* f(t, a) { const x = yield* t.step(a); const y = yield* t.step(x, 2); return x * 10 + y; }',
  'order of operands': `function* f(t, a) { let x = 1;
     const sum = x + (yield* t.step(a)) * (x = 5) + (yield* t.step(x)); return sum; }`,
  'if and else': `function* f(t, a) { if ((yield* t.step(a)) > 1) { const b = yield* t.step(7); return b; }
     else if (a) { yield* t.step(8); } else { return 99; } return yield* t.step(a, 1); }`,
  'while with break and continue': `function* f(t, a) { let i = 0; let sum = 0;
     while (i < 9) { i++; if (i === 3) continue; const x = yield* t.step(i);
     if (x === 3 && i > 5) break; sum += x; }
     return sum; }`,
  'for, inner loop untouched': `function* f(t, a) { let sum = 0;
     for (let i = 0; i < 4; i++) { for (let k = 0; k < 3; k++) { if (k === 1) continue; sum += k;
     if (k > 5) break; }
       sum += yield* t.step(i, sum); if (sum > 40) { break; } }
     return sum; }`,
  'do while': `function* f(t, a) { let n = 0; do { n++; if (n === 2) continue;
     } while ((yield* t.step(n)) && n < 9); return n; }`,
  'and, or, not, choice': `function* f(t, a) {
     const x = (yield* t.step(1)) && (yield* t.step(2)); const y = x || (a && (yield* t.step(3)));
     return !(yield* t.step(4)) ? (yield* t.step(5, y)) : (x ? 1 : (yield* t.step(6))); }`,
  switch: `function* f(t, a) { let r = 0; for (let i = 0; i < 3; i++) {
     switch (yield* t.step(a, i)) { case 0: r += yield* t.step(1); break; case 1: r += 10;
     case 2: r += yield* t.step(9); break;
       default: if (i === 1) continue; r += 100; } r += 1000; } return r; }`,
  calls: `function* g(t, n) { if (n === 0) return yield* t.step(n); const x = yield* g(t, n - 1);
     return x + (yield* t.step(n)); }
     function* f(t, a) { const x = yield* g(t, 3);
     const y = Math.max(yield* g(t, 1), 2, yield* t.step(x)); return x + y; }`,
  destructuring: `function* f(t, a) { const o = { x: 1, y: a }; const { x, y: z } = o;
     const r = yield* t.step(x, z); return r + x * 10 + z; }`,
  'compound assignment': `function* f(t, a) { let x = a; x += yield* t.step(x); x *= 2 + (yield* t.step(x));
     const o = { v: 1 }; o.v += yield* t.step(x); return x + o.v; }`,
};

/** The sample's `f`, compiled or as it is. */
function load(source: string): (t: Thread, a: number) => unknown {
  // eslint-disable-next-line typescript/no-implied-eval, no-new-func -- the sample is a program of ours.
  return new Function(`${source}; return f;`)() as (t: Thread, a: number) => unknown;
}

/** Runs a native generator in which an operation is a call that never waits. */
function reference(source: string, a: number): { result: unknown; log: string[] } {
  const thread = new Thread(() => false);
  const operation = thread.step;
  // `yield* t.step()` wants an iterator; one that ends at once with the value.
  const iterable = {
    // eslint-disable-next-line require-yield -- it ends at once, with the value.
    *step(...values: unknown[]): Generator<never, unknown> {
      return operation(...values);
    },
  };
  const generator = load(source)(iterable as unknown as Thread, a) as Generator<never, unknown>;
  return { result: generator.next().value, log: thread.log };
}

describe('compiled coroutines do what generators do', () => {
  it.each(Object.keys(samples))('%s', (name) => {
    const source = samples[name] ?? '';
    const compiled = load(compileCoroutines(`'use coroutines';\n${source}`, 'sample.js'));
    fc.assert(
      fc.property(fc.nat(3), fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (a, pattern) => {
        const thread = new Thread((call) => pattern[call % pattern.length] ?? false);
        const result = thread.finish(() => compiled(thread, a));
        expect({ result, log: thread.log }).toEqual(reference(source, a));
      }),
    );
  });
});

describe('what is not understood is refused with file and line', () => {
  it.each([
    ['function* f(t) { try { yield* t.step(); } finally { f(); } }', 'TryStatement'],
    ['function* f(t) {\n for (const x of [1]) yield* t.step(x); }', 'ForOfStatement'],
    ['function* f(t) { yield 1; }', 'a yield that is not yield*'],
    ['function* f(t, a) { const x = 1; { const x = 2; yield* t.step(x); } }', 'a x that hides another'],
    ['function* f(t, a) { const [x] = a; yield* t.step(x); }', 'destructuring of this kind'],
    ['function* f(t, { a }) { yield* t.step(a); }', 'a parameter'],
    ['function* f() { yield* g(); }', 'no parameter for the thread'],
  ])('%s', (source, message) => {
    const compile = (): string => compileCoroutines(`'use coroutines';\n${source}`, 'sample.js');
    expect(compile).toThrow(message);
    expect(compile).toThrow(/^sample\.js:\d+: /);
  });

  it('a coroutine with more variables than a frame holds', () => {
    const names = Array.from({ length: 21 }, (_, index) => `v${index} = ${index}`).join(', ');
    const source = `'use coroutines';\nfunction* f(t) { let ${names}; yield* t.step(v0);
     return [${names.replaceAll(/ = \d+/g, '')}]; }`;
    expect(() => compileCoroutines(source, 'sample.js')).toThrow('more than 20 variables');
  });

  it('modules without the directive are left alone', () => {
    const source = 'function* f(t) { yield 1; }';
    expect(compileCoroutines(source, 'sample.js')).toBe(source);
  });
});

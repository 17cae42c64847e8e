import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { linkModules } from './link.js';

function link(files: Record<string, string>): string {
  return linkModules('page/main.js', (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`no ${path}`);
    return text;
  });
}

/** What the linked script leaves in `seen`. */
function run(files: Record<string, string>): unknown[] {
  const seen: unknown[] = [];
  runInNewContext(link(files), { seen });
  return seen;
}

describe('linking modules into one script', () => {
  it('runs each module once, before those that import it, each in its own scope', () => {
    const seen = run({
      'page/main.js':
        "import { a, b as renamed } from './a.js';\nimport './c.js';\nconst x = 3;\nseen.push(a(), renamed, x);",
      'page/a.js':
        "import { x } from '../lib/x.js';\nexport function a() { return x; }\nexport const b = 2;\nexport {};",
      'page/c.js': "import { x } from '../lib/x.js';\nseen.push('c' + x);\n//# sourceMappingURL=c.js.map",
      'lib/x.js':
        "seen.push('once');\nexport const x = 1;\nexport class X {}\nexport async function* later() {}",
    });
    expect(seen).toEqual(['once', 'c1', 1, 2, 3]);
  });

  it('cannot end the script element early', () => {
    const text = link({ 'page/main.js': "seen.push('</script><!--');" });
    expect(text).not.toMatch(/<\/script|<!--/);
    expect(run({ 'page/main.js': "seen.push('</script><!--');" })).toEqual(['</script><!--']);
  });

  it.each([
    ['export default 1;', /cannot link 'export default 1;'/],
    ["import * as a from './a.js';", /cannot link 'import \* as a/],
    ["export * from './a.js';", /cannot link 'export \*/],
    ["const a = await import('./a.js');", /cannot link 'import\('/],
    ["import { a } from 'uplot';", /only its own modules, not uplot/],
    [
      "import { a } from './main.js';\nexport const b = a;",
      /circular import: page\/main\.js -> page\/main\.js/,
    ],
  ])('refuses %s', (text, message) => {
    expect(() => link({ 'page/main.js': text })).toThrow(message);
  });
});

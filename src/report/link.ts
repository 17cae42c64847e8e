/**
 * Joins compiled ES modules into one script that a page can carry inline: each module becomes a function that
 * returns its exports. It knows the few forms of import and export that tsc writes for `page/`, and refuses
 * any other.
 */

/** Text of a module by its path; throws when there is none. */
export type ReadModule = (path: string) => string;

/**
 * @param entry path of the module that starts the page
 * @returns one script without imports and exports
 * @throws Error for circular imports, and for forms of import and export that it does not know
 */
export function linkModules(entry: string, read: ReadModule): string {
  const numbers = new Map<string, number>();
  const underWay: string[] = [];
  const parts: string[] = [];
  const add = (path: string): number => {
    const known = numbers.get(path);
    if (known !== undefined) return known;
    if (underWay.includes(path)) throw new Error(`circular import: ${[...underWay, path].join(' -> ')}`);
    underWay.push(path);
    const { text, exported } = moduleBody(
      read(path),
      (source) => `module${add(resolve(path, source))}`,
      path,
    );
    underWay.pop();
    const number = numbers.size;
    numbers.set(path, number);
    parts.push(`const module${number} = (() => {\n${text}\nreturn { ${exported.join(', ')} };\n})();`);
    return number;
  };
  add(entry);
  // A closing script tag inside a string would end the inline script.
  const script = `(() => {\n'use strict';\n${parts.join('\n')}\n})();\n`;
  return script.replace(/<\/(?=script)/gi, '<\\/').replace(/<!--/g, '<\\!--');
}

const IMPORT = /^import\s*\{([^}]*)\}\s*from\s*['"]([^'"]+)['"];?$/gm;
const BARE_IMPORT = /^import\s*['"]([^'"]+)['"];?$/gm;
const NOTHING = /^export \{\s*\};?$/gm;

function moduleBody(
  source: string,
  variableOf: (source: string) => string,
  path: string,
): { text: string; exported: string[] } {
  const exported: string[] = [];
  const text = source
    .replace(/^\/\/# sourceMappingURL=.*$/gm, '')
    .replace(IMPORT, (_, names: string, from: string) => {
      return `const {${names.replace(/\bas\b/g, ':')}} = ${variableOf(from)};`;
    })
    .replace(BARE_IMPORT, (_, from: string) => `void ${variableOf(from)};`)
    .replace(NOTHING, '')
    .replace(/^export (?:async function\*?|function\*?|class|const)\s*([\w$]+)/gm, (whole, name: string) => {
      exported.push(name);
      return whole.slice('export '.length);
    });
  const left = /^(?:import|export)\b.*$/m.exec(text) ?? /\bimport\s*\(.*$/m.exec(text);
  if (left !== null) throw new Error(`${path}: cannot link '${left[0]}'`);
  return { text, exported };
}

function resolve(from: string, source: string): string {
  if (!source.startsWith('.'))
    throw new Error(`${from}: the page may import only its own modules, not ${source}`);
  const parts = [...from.split('/').slice(0, -1), ...source.split('/')];
  const path: string[] = [];
  for (const part of parts) {
    if (part === '..' && path.length > 0 && path[path.length - 1] !== '..') path.pop();
    else if (part !== '.') path.push(part);
  }
  return path.join('/');
}

/** House rules about what modules import and export. */
import { isBuiltin } from 'node:module';
import { BROWSER_FOLDERS, ENTRY_POINTS, MAY_IMPORT } from './house.js';
import { readModule, resolveImport, type ExportOf, type ModuleOf } from './modules.js';
import { isCode, isProduct, isTest, type Repository, type Violation } from './repository.js';

/** Modules by path; reading each once serves every rule. */
export type Modules = ReadonlyMap<string, ModuleOf>;

export function readModules(repository: Repository): Modules {
  const code = [...repository].filter(([file]) => isCode(file));
  return new Map(code.map(([file, text]) => [file, readModule(file, text)]));
}

/** 'trace' for src/trace/store/x.ts, 'web' for web/x.ts, '' for what is in no such folder. */
function areaOf(file: string): string {
  return /^src\/([^/]+)\//.exec(file)?.[1] ?? (file.startsWith('web/') ? 'web' : '');
}

const isLayered = (file: string): boolean => /^(src|web)\//.test(file) && !isTest(file);

function sourcesOf(module: ModuleOf): { source: string; line: number }[] {
  return [...module.imports, ...module.reExports];
}

export function oneWayDependencies(modules: Modules): Violation[] {
  return [...modules].flatMap(([file, module]) => {
    if (!isLayered(file)) return [];
    const area = areaOf(file);
    const allowed = MAY_IMPORT[area];
    if (!allowed) return [{ file, message: `no folder of the house: add '${area}' to test/tidy/house.ts` }];
    return sourcesOf(module).flatMap(({ source, line }) => {
      const target = resolveImport(file, source, (path) => modules.has(path));
      if (target === undefined) return [];
      const targetArea = areaOf(target);
      if (isLayered(target) && (targetArea === area || allowed.includes(targetArea))) return [];
      const list = allowed.length === 0 ? 'nothing' : allowed.join(', ');
      return [
        {
          file,
          line,
          message: `imports ${target}, but ${area} may import ${list}: move the code or pass it in`,
        },
      ];
    });
  });
}

export function noNodeInBrowserFolders(modules: Modules): Violation[] {
  return [...modules].flatMap(([file, module]) => {
    if (!isLayered(file) || !BROWSER_FOLDERS.includes(areaOf(file))) return [];
    return sourcesOf(module)
      .filter(({ source }) => isBuiltin(source))
      .map(({ source, line }) => {
        const message = `imports ${source}, but ${areaOf(file)} runs in a browser too: do this in src/files`;
        return { file, line, message };
      });
  });
}

/**
 * Exports that no other module uses. A type counts as used when its own module mentions it elsewhere (it is
 * part of the shape of something exported); an export marked `@internal for tests` must be used by a test
 * instead.
 */
export function deadExports(repository: Repository, modules: Modules): Violation[] {
  const byProduct = usedNames(modules, isProduct);
  const byTests = usedNames(modules, isTest);
  return [...modules].flatMap(([file, module]) => {
    if (!isProduct(file) || ENTRY_POINTS.includes(file)) return [];
    const text = repository.get(file) ?? '';
    const named = module.reExports.filter(({ name }) => name !== '*');
    const reExported = named.map(({ exported, line }) => ({ name: exported, line, isType: false }));
    return [...module.exports, ...reExported].flatMap((each) => {
      const key = `${file}#${each.name}`;
      const message = deadness(each, text, byProduct.has(key), byTests.has(key));
      return message === undefined ? [] : [{ file, line: each.line, message: `${each.name}: ${message}` }];
    });
  });
}

function deadness(each: ExportOf, text: string, product: boolean, tests: boolean): string | undefined {
  const forTests = commentAbove(text, each.line).includes('@internal for tests');
  if (forTests && product) return "not only for tests: take away '@internal for tests'";
  if (forTests)
    return tests ? undefined : 'exported for tests, but no test imports it: delete it or the export';
  if (product || (each.isType && mentions(text, each.name) > 1)) return undefined;
  if (tests) return "only tests import it: test it through its users, or mark it '@internal for tests'";
  return 'exported, but no other file imports it: take away the export or delete it';
}

function mentions(text: string, name: string): number {
  return text.split(new RegExp(`(?<![\\w$])${name.replaceAll('$', '\\$')}(?![\\w$])`)).length - 1;
}

/** The comment that ends right above a line. */
function commentAbove(text: string, line: number): string {
  const above = text.split('\n').slice(0, line - 1);
  const isComment = (each: string): boolean => /^\s*(\/\*\*|\*|\/\/)/.test(each);
  const start = above.findLastIndex((each) => !isComment(each));
  return above.slice(start + 1).join('\n');
}

/** `file#name` of every export that a module chosen by `from` imports, directly or through re-exports. */
function usedNames(modules: Modules, from: (file: string) => boolean): Set<string> {
  const used = new Set<string>();
  const use = (file: string, name: string): void => {
    const key = `${file}#${name}`;
    const module = modules.get(file);
    if (!module || used.has(key)) return;
    used.add(key);
    for (const each of module.reExports) {
      const target = resolveImport(file, each.source, (path) => modules.has(path));
      if (target === undefined) continue;
      if (each.name === '*') use(target, name);
      else if (each.exported === name) use(target, each.name);
    }
  };
  const useAll = (file: string): void => {
    const module = modules.get(file);
    for (const { name } of module?.exports ?? []) use(file, name);
    for (const each of module?.reExports ?? []) {
      const target = resolveImport(file, each.source, (path) => modules.has(path));
      if (each.name !== '*') use(file, each.exported);
      else if (target !== undefined) useAll(target);
    }
  };
  for (const [file, module] of modules) {
    if (!from(file)) continue;
    for (const { source, names } of module.imports) {
      const target = resolveImport(file, source, (path) => modules.has(path));
      if (target === undefined || target === file) continue;
      if (names === undefined) useAll(target);
      else for (const name of names) use(target, name);
    }
  }
  return used;
}

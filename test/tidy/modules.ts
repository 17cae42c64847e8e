/** What a module imports and exports, from its syntax tree. */
import { posix } from 'node:path';
import { parseAst } from 'vitest/node';

export interface ImportOf {
  /** As written: './x.js', 'node:fs', 'yaml'. */
  source: string;
  /** Imported names; undefined when all may be used (`import *`, `import()`, `import 'x'`). */
  names: string[] | undefined;
  line: number;
}

export interface ExportOf {
  name: string;
  line: number;
  /** An interface or type alias. */
  isType: boolean;
}

/** `export { name as exported } from source`; names are '*' for `export * from`. */
export interface ReExportOf {
  source: string;
  name: string;
  exported: string;
  line: number;
}

export interface ModuleOf {
  imports: ImportOf[];
  exports: ExportOf[];
  reExports: ReExportOf[];
}

interface SyntaxNode {
  type: string;
  start: number;
  [key: string]: unknown;
}

/**
 * @param text TypeScript or JavaScript
 * @throws SyntaxError when it is neither
 */
export function readModule(path: string, text: string): ModuleOf {
  const program: unknown = parseAst(text, { lang: path.endsWith('x') ? 'tsx' : 'ts' });
  const found: ModuleOf = { imports: [], exports: [], reExports: [] };
  const lineAt = lineFinder(text);
  const namesOfImport = new Map<unknown, string[]>();
  visit(program, (node) => {
    // A declarator is visited before the import() inside it.
    if (node.type === 'VariableDeclarator') noteDestructuring(node, namesOfImport);
    collect(node, lineAt(node.start), found, namesOfImport.get(node));
  });
  return found;
}

/** The file that a relative import means: '.js' stands for '.ts', and dist/ for what was built from src/. */
export function resolveImport(
  from: string,
  source: string,
  exists: (path: string) => boolean,
): string | undefined {
  if (!source.startsWith('.')) return undefined;
  const path = posix.join(posix.dirname(from), source).replace(/^dist\//, 'src/');
  return [path, path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx')].find(exists);
}

function collect(node: SyntaxNode, line: number, found: ModuleOf, destructured: string[] | undefined): void {
  const source = isNode(node['source']) ? String(node['source']['value']) : '';
  switch (node.type) {
    case 'ImportDeclaration':
      found.imports.push({ source, names: importedNames(node), line });
      break;
    case 'ImportExpression':
      found.imports.push({ source, names: destructured, line });
      break;
    case 'TSImportType':
      found.imports.push({
        source,
        names: isNode(node['qualifier']) ? [nameOf(node['qualifier'])] : undefined,
        line,
      });
      break;
    case 'ExportAllDeclaration':
      if (node['exported'] === null) found.reExports.push({ source, name: '*', exported: '*', line });
      else found.imports.push({ source, names: undefined, line });
      break;
    case 'ExportNamedDeclaration':
      collectNamed(node, source, line, found);
      break;
    case 'ExportDefaultDeclaration':
      found.exports.push({ name: 'default', line, isType: false });
      break;
  }
}

function collectNamed(node: SyntaxNode, source: string, line: number, found: ModuleOf): void {
  for (const specifier of nodesIn(node['specifiers'])) {
    const exported = nameOf(specifier['exported']);
    if (source === '') found.exports.push({ name: exported, line, isType: false });
    else found.reExports.push({ source, name: nameOf(specifier['local']), exported, line });
  }
  const declaration = node['declaration'];
  if (!isNode(declaration)) return;
  const isType = ['TSInterfaceDeclaration', 'TSTypeAliasDeclaration'].includes(declaration.type);
  const names =
    declaration.type === 'VariableDeclaration'
      ? nodesIn(declaration['declarations']).flatMap((declarator) => boundNames(declarator['id']))
      : [nameOf(declaration['id'])];
  for (const name of names) found.exports.push({ name, line, isType });
}

/** `const { a, b: c } = await import('x')` imports a and b. */
function noteDestructuring({ id, init }: SyntaxNode, namesOfImport: Map<unknown, string[]>): void {
  if (!isNode(id) || id.type !== 'ObjectPattern' || !isNode(init) || init.type !== 'AwaitExpression') return;
  const properties = nodesIn(id['properties']);
  if (properties.some(({ type }) => type === 'RestElement')) return;
  namesOfImport.set(
    init['argument'],
    properties.map(({ key }) => nameOf(key)),
  );
}

function importedNames(node: SyntaxNode): string[] | undefined {
  const specifiers = nodesIn(node['specifiers']);
  if (specifiers.length === 0 || specifiers.some(({ type }) => type === 'ImportNamespaceSpecifier'))
    return undefined;
  return specifiers.map((each) => (each.type === 'ImportSpecifier' ? nameOf(each['imported']) : 'default'));
}

/** Names that a pattern such as `{ a, b: [c] }` binds. */
function boundNames(pattern: unknown): string[] {
  if (!isNode(pattern)) return [];
  switch (pattern.type) {
    case 'ObjectPattern':
      return nodesIn(pattern['properties']).flatMap((each) => boundNames(each['value'] ?? each['argument']));
    case 'ArrayPattern':
      return nodesIn(pattern['elements']).flatMap(boundNames);
    case 'AssignmentPattern':
      return boundNames(pattern['left']);
    case 'RestElement':
      return boundNames(pattern['argument']);
    default:
      return [nameOf(pattern)];
  }
}

function visit(value: unknown, see: (node: SyntaxNode) => void): void {
  if (Array.isArray(value)) {
    for (const each of value) visit(each, see);
  } else if (isNode(value)) {
    see(value);
    for (const each of Object.values(value)) if (typeof each === 'object') visit(each, see);
  }
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

function nodesIn(value: unknown): SyntaxNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function nameOf(node: unknown): string {
  return isNode(node) ? String(node['name'] ?? node['value']) : '';
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [...text.matchAll(/\n/g)].map((match) => match.index);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] < offset) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}

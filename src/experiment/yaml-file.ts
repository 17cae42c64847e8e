/**
 * YAML files checked against a schema, with errors that name line and field; and what the command line sets
 * in them.
 */
import { readFileSync } from 'node:fs';
import { isCollection, isNode, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { InputError } from '../trace/errors.js';

/** One field set on the command line. */
export interface YamlOverride {
  /** As the user wrote it, for errors: `--set guest.vcpus=4`. */
  readonly option: string;
  /** Fields from the root. An item of a list is its number, or the `name` or `kind` that it has. */
  readonly path: readonly string[];
  readonly value: unknown;
}

/** The contents of `path`, checked; an InputError with file, line and field when they are wrong. */
export function readYamlFile<T>(
  path: string,
  schema: z.ZodType<T>,
  overrides: readonly YamlOverride[] = [],
): T {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'no such file' : String(error);
    throw new InputError(reason, { file: path });
  }
  return parseYaml(text, path, schema, overrides);
}

/** The same for text that is at hand; `path` is used in errors. */
export function parseYaml<T>(
  text: string,
  path: string,
  schema: z.ZodType<T>,
  overrides: readonly YamlOverride[] = [],
): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [syntax] = document.errors;
  if (syntax) throw new InputError(syntax.message, { file: path, line: lines.linePos(syntax.pos[0]).line });
  const set = overrides.map((override) => ({ option: override.option, path: apply(document, override) }));
  const result = schema.safeParse(valueOf(document, path));
  if (result.success) return result.data;
  const { message, path: place } = problemOf(result.error.issues);
  const culprit = set.findLast((each) => isPrefix(each.path, place) || isPrefix(place, each.path));
  if (culprit) throw new InputError(message, { field: culprit.option });
  const field = place
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
  throw new InputError(message, {
    file: path,
    line: lineOf(document, place, lines),
    ...(field === '' ? {} : { field }),
  });
}

/** The document as plain values. */
function valueOf(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that mean nothing, or too much.
    throw new InputError(error instanceof Error ? error.message : String(error), { file });
  }
}

/** Sets one field of the document; returns where that is. */
function apply(document: Document, { option, path, value }: YamlOverride): PropertyKey[] {
  const place: (string | number)[] = [];
  for (const part of path) {
    const around: unknown = place.length === 0 ? document.contents : document.getIn(place, true);
    if (isSeq(around)) place.push(indexIn(document, place, part, option));
    else if (isNode(around) && !isCollection(around)) {
      throw new InputError(`${place.join('.')} has no fields`, { field: option });
    } else place.push(part);
  }
  document.setIn(place, document.createNode(value));
  return place;
}

/** Number of the item of a list that `part` means. */
function indexIn(
  document: Document,
  list: readonly (string | number)[],
  part: string,
  option: string,
): number {
  const items = valueOf(document, option);
  const found = list.reduce<unknown>((value, key) => fieldOf(value, key), items);
  const known = Array.isArray(found) ? found : [];
  const index = /^\d+$/.test(part)
    ? Number(part)
    : known.findIndex((item) => fieldOf(item, 'name') === part || fieldOf(item, 'kind') === part);
  if (index >= 0 && index < known.length) return index;
  const names = known.map((item, i) => {
    const name = fieldOf(item, 'name') ?? fieldOf(item, 'kind');
    return typeof name === 'string' ? name : String(i);
  });
  throw new InputError(`no item "${part}" in ${list.join('.')}: there are ${names.join(', ') || 'none'}`, {
    field: option,
  });
}

function fieldOf(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === String(key))?.[1];
}

function isPrefix(short: readonly PropertyKey[], long: readonly PropertyKey[]): boolean {
  return short.length > 0 && short.every((part, i) => part === long[i]);
}

/** What to tell of all that is wrong: a misspelt field first, because it explains the one that is missing. */
function problemOf(issues: readonly z.core.$ZodIssue[]): { message: string; path: readonly PropertyKey[] } {
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown) {
    const isPlain = unknown.message.startsWith('Unrecognized key');
    const message = isPlain ? 'there is no such field' : unknown.message;
    return { message, path: [...unknown.path, unknown.keys[0]] };
  }
  const [issue] = issues;
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return { message: isMissing ? 'is missing' : issue.message, path: issue.path };
}

/** Line of the field, or of the nearest thing around it that is there. */
function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node: unknown = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

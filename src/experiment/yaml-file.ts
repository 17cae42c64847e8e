/**
 * YAML files checked against a schema, with errors that name line and field.
 */
import { readFileSync } from 'node:fs';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { InputError } from '../trace/errors.js';

/** The contents of `path`, checked; an InputError with file, line and field when they are wrong. */
export function readYamlFile<T>(path: string, schema: z.ZodType<T>): T {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'no such file' : String(error);
    throw new InputError(reason, { file: path });
  }
  return parseYaml(text, path, schema);
}

/**
 * The same for text that is at hand; `path` is used in errors.
 *
 * @internal for tests
 */
export function parseYaml<T>(text: string, path: string, schema: z.ZodType<T>): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [syntax] = document.errors;
  if (syntax) throw new InputError(syntax.message, { file: path, line: lines.linePos(syntax.pos[0]).line });
  const result = schema.safeParse(document.toJS());
  if (result.success) return result.data;
  const { message, path: place } = problemOf(result.error.issues);
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

/** What to tell of all that is wrong: a misspelt field first, because it explains the one that is missing. */
function problemOf(issues: readonly z.core.$ZodIssue[]): { message: string; path: readonly PropertyKey[] } {
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown) return { message: 'there is no such field', path: [...unknown.path, unknown.keys[0]] };
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

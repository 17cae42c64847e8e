/**
 * `--set guest.vcpus=64`, `--set storms.ksm.sleep=1ms`, `--cost vmExit=300ns`: fields of a scenario set on
 * the command line.
 */
import { parse } from 'yaml';
import { InputError } from '../../trace/errors.js';
import type { YamlOverride } from '../yaml-file.js';

/**
 * @param option how the user gave it: `--set`
 * @param assignment `PATH=VALUE`; the value is read as YAML
 * @param under what the path is relative to: `costs`
 */
export function parseOverride(
  option: string,
  assignment: string,
  under: readonly string[] = [],
): YamlOverride {
  const equals = assignment.indexOf('=');
  const path = assignment.slice(0, Math.max(0, equals)).replaceAll(/\[(\d+)\]/g, '.$1');
  const parts = path.split('.');
  const field = `${option} ${assignment}`;
  if (equals < 1 || parts.includes('')) {
    throw new InputError(`write a field and its value, such as ${example(under)}`, { field });
  }
  let value: unknown;
  try {
    value = parse(assignment.slice(equals + 1));
  } catch {
    throw new InputError('the value is no YAML: quote it', { field });
  }
  if (value === null) throw new InputError('has no value', { field });
  return { option: field, path: [...under, ...parts], value };
}

function example(under: readonly string[]): string {
  return under.length === 0 ? 'policy.needBreak=never or guest.vcpus=64' : 'vmExit=300ns';
}

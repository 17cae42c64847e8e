import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InputError } from '../trace/errors.js';
import { parseYaml } from './yaml-file.js';

const schema = z.strictObject({ name: z.string(), parts: z.array(z.strictObject({ size: z.number() })) });

/** The one line that a user sees, or the parsed value. */
function parse(text: string): unknown {
  try {
    return parseYaml(text, 'x.yaml', schema);
  } catch (error) {
    if (error instanceof InputError) return error.oneLine;
    throw error;
  }
}

describe('a YAML file with a schema', () => {
  it('is its value when it is right', () => {
    expect(parse('name: a\nparts:\n  - size: 1\n')).toEqual({ name: 'a', parts: [{ size: 1 }] });
  });

  it('names line and field of what is wrong', () => {
    expect(parse('name: a\nparts:\n  - size: 1\n  - size: big\n')).toBe(
      'x.yaml:4 (parts[1].size): Invalid input: expected number, received string',
    );
    expect(parse('name: a\n')).toBe('x.yaml:1 (parts): is missing');
    expect(parse('name: a\nparts: []\nprats: []\n')).toBe('x.yaml:3 (prats): there is no such field');
    expect(parse('name: a\npart: []\n')).toBe('x.yaml:2 (part): there is no such field');
  });

  it('names the line where YAML itself is broken', () => {
    expect(parse('name: a\nparts: [1\n')).toMatch(/^x\.yaml:\d+: /);
    expect(parse('')).toMatch(/^x\.yaml:1: /);
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../../test/requires.js';
import { renderScenarioSchema } from './json-schema.js';
import { STORM_KINDS } from './storm-schema.js';

const file = join(repositoryRoot, 'docs', 'scenario.schema.json');

describe('docs/scenario.schema.json', () => {
  it('is what the schema says', () => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    expect(text === renderScenarioSchema(), 'docs/scenario.schema.json is out of date: npm run docs').toBe(
      true,
    );
  });

  it('describes every field, and takes text where people write units', () => {
    const schema = JSON.parse(renderScenarioSchema());
    expect(Object.keys(schema.properties)).toEqual([
      'version',
      'description',
      'machine',
      'host',
      'policy',
      'guest',
      'storms',
      'duration',
      'phases',
      'seed',
      'costs',
    ]);
    expect(schema.required).toEqual(['version', 'description', 'machine', 'guest']);
    expect(schema.properties.guest.properties.memory).toMatchObject({ type: 'string' });
    expect(schema.properties.host.properties.kernel.default).toBe('v6.12');
    const kinds = schema.properties.storms.items.oneOf.map(
      (each: { properties: { kind: { const: string } } }) => each.properties.kind.const,
    );
    expect(kinds).toEqual(STORM_KINDS);
    const undescribed = Object.entries(schema.properties.guest.properties).filter(
      ([, field]) => !('description' in (field as object)),
    );
    expect(undescribed.map(([name]) => name)).toEqual(['access']);
  });
});

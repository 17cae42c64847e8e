import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../../test/requires.js';
import { renderRecordingSchema } from './json-schema.js';

const file = join(repositoryRoot, 'docs', 'recording.schema.json');

describe('docs/recording.schema.json', () => {
  it('is what the schema says', () => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    expect(text === renderRecordingSchema(), 'docs/recording.schema.json is out of date: npm run docs').toBe(
      true,
    );
  });

  it('has everything that a recording must tell', () => {
    const schema = JSON.parse(renderRecordingSchema());
    expect(schema.properties.version).toMatchObject({ const: 1 });
    expect(schema.required).toEqual(
      expect.arrayContaining(['command', 'host', 'knobs', 'runs', 'summary', 'restored', 'stopped']),
    );
    const { properties, required } = schema.properties.runs.items;
    expect(required).toEqual(expect.arrayContaining(['load', 'seed', 'verdict', 'result']));
    expect(properties.trace.required).toEqual(expect.arrayContaining(['lost', 'overrun', 'events']));
  });
});

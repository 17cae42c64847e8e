import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../../test/requires.js';
import { renderEventsDoc } from './events-doc.js';
import { eventTable } from './index.js';

const file = join(repositoryRoot, 'docs', 'events.md');

describe('docs/events.md', () => {
  it('is what the event table says', () => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    expect(text === renderEventsDoc(), 'docs/events.md is out of date: npm run docs').toBe(true);
  });

  it('has a section with every event and every field', () => {
    const text = renderEventsDoc();
    for (const event of eventTable) {
      const section = text.slice(text.indexOf(`\n## ${event.system}\n`)).split(`\n### ${event.name}\n`)[1];
      const body = section?.split('\n### ')[0] ?? '';
      expect(event.fields.filter((field) => !body.includes(`| \`${field.name}\` |`))).toEqual([]);
      expect(body).toContain(event.meaning);
    }
  });

  it('says what every system is about', () => {
    expect(renderEventsDoc()).not.toMatch(/^## \w+\n\n\n/m);
  });

  it('breaks no table: every row has as many cells as its head', () => {
    const lines = renderEventsDoc().split('\n');
    const cells = (line: string): number => line.replaceAll('\\|', '').split('|').length;
    const wrong = lines.filter(
      (line, at) =>
        line.startsWith('|') && lines[at - 1]?.startsWith('|') && cells(line) !== cells(lines[at - 1] ?? ''),
    );
    expect(wrong).toEqual([]);
  });
});

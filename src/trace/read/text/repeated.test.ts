/**
 * Goal: recognizing text that was read before changes nothing but speed. Lines that repeat each other,
 * exactly and almost, read together give what each gives to a reader of its own.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../../../test/requires.js';
import { randomNumbers } from '../../../../test/support/mutate.js';
import { plainEvents, type PlainEvent } from '../../../../test/support/random-trace.js';
import { TraceBuilder } from '../../store/builder.js';
import type { TextLayout } from './detect.js';
import { SeenTexts } from './seen-texts.js';
import { TextReader } from './text-reader.js';

const folder = join(repositoryRoot, 'test', 'fixtures', 'text');
const LINES = 4_000;
const SAME_CHUNK = 1 << 14;

const bytesOf = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

function read(text: string, layout: TextLayout): PlainEvent[] {
  const builder = new TraceBuilder();
  const reader = new TextReader(builder, layout);
  const bytes = bytesOf(text);
  // One buffer for all chunks, as files are read.
  const chunk = new Uint8Array(SAME_CHUNK);
  for (let at = 0; at < bytes.length; at += SAME_CHUNK) {
    const part = bytes.subarray(at, at + SAME_CHUNK);
    chunk.set(part);
    reader.push(chunk.subarray(0, part.length));
  }
  reader.finish();
  return plainEvents(builder.finish());
}

/** Event lines of the fixtures of a layout that every reader takes for an event of the event table. */
function eventLines(layout: TextLayout): string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(`${layout}.`) && name.endsWith('.txt'));
  const lines = names.flatMap((name) => readFileSync(join(folder, name), 'latin1').split('\n'));
  return [...new Set(lines)].filter((line) => isKnownEvent(line, layout));
}

function isKnownEvent(line: string, layout: TextLayout): boolean {
  const builder = new TraceBuilder();
  const reader = new TextReader(builder, layout);
  try {
    reader.push(bytesOf(`${line}\n`));
    reader.finish();
  } catch {
    return false;
  }
  const { diagnostics } = builder.finish();
  return diagnostics.unknownEvents.size + diagnostics.unparsedFields.size === 0;
}

/** The line with one digit or letter of it replaced, at times. */
function varied(line: string, random: (most: number) => number): string {
  const at = random(line.length);
  const replacement = /\d/.test(line[at]) ? String(random(10)) : 'x';
  return random(3) === 0 && /\w/.test(line[at]) ? line.slice(0, at) + replacement + line.slice(at + 1) : line;
}

describe.each(['perf', 'tracefs', 'trace-cmd'] as const)('repeated lines of %s', (layout) => {
  it('give what each gives alone', () => {
    const random = randomNumbers(7);
    const pool = eventLines(layout);
    expect(pool.length).toBeGreaterThan(5);
    const alone = new Map<string, PlainEvent>();
    const lines: string[] = [];
    while (lines.length < LINES) {
      // Mostly from a few neighbours, so that texts come back before others take their places.
      const base = pool[(Math.floor(lines.length / 200) + random(4)) % pool.length];
      const line = varied(base, random);
      if (!alone.has(line)) {
        if (!isKnownEvent(line, layout)) continue;
        alone.set(line, read(`${line}\n`, layout)[0]);
      }
      lines.push(line);
    }
    const byTime = (a: PlainEvent, b: PlainEvent) => (a.stamp < b.stamp ? -1 : a.stamp > b.stamp ? 1 : 0);
    const expected = lines.flatMap((line) => alone.get(line) ?? []).sort(byTime);
    expect(read(`${lines.join('\n')}\n`, layout)).toEqual(expected);
  });
});

describe('SeenTexts', () => {
  const text = 'prev_comm=node prev_pid=7';
  const view = (content: string) => new DataView(bytesOf(content).buffer);

  it('finds the text that was kept, wherever it stands', () => {
    const seen = new SeenTexts(4, 32);
    expect(seen.find(view(text), 0, 2)).toBe(0);
    expect(seen.keep(view(text), 0, text.length, 2)).toBe(true);
    expect(seen.find(view(text), 0, 2)).toBe(text.length);
    expect(seen.find(view(`abc${text}def`), 3, 2)).toBe(text.length);
    expect(seen.find(view(text), 0, 1)).toBe(0);
  });

  it('does not take another text for it, nor one that the bytes cut', () => {
    const seen = new SeenTexts(4, 32);
    seen.keep(view(text), 0, text.length, 0);
    for (let at = 0; at < text.length; at++) {
      const other = `${text.slice(0, at)}~${text.slice(at + 1)}`;
      expect(seen.find(view(other), 0, 0), other).toBe(0);
      expect(seen.find(view(text.slice(0, at)), 0, 0), `${at} bytes`).toBe(0);
    }
  });

  it('tells bytes apart that are the same number, and does not find what is no number', () => {
    const seen = new SeenTexts(1, 32);
    const zeros = '\0'.repeat(16);
    expect(seen.keep(view(zeros), 0, 16, 0)).toBe(false);
    expect(seen.find(view(`${zeros.slice(1)}\x80`), 0, 0)).toBe(0);
    for (const end of ['\xf0\x7f', '\xf8\x7f', '\xff\xff', '\0\x80', '\x01\x80']) {
      seen.keep(view(`letters.abcdef${end}`), 0, 16, 0);
      for (const other of ['\xf1\x7f', '\xf9\x7f', '\xfe\xff', '\0\0', '\x01\0'])
        expect(seen.find(view(`letters.abcdef${other}`), 0, 0)).toBe(0);
    }
  });

  it('keeps no text that is longer than its places, or shorter than a word', () => {
    const seen = new SeenTexts(4, 24);
    expect(seen.keep(view(text), 0, text.length, 0)).toBe(false);
    expect(seen.keep(view(text), 0, 7, 0)).toBe(false);
    expect(seen.find(view(text), 0, 0)).toBe(0);
    expect(seen.keep(view(text), 0, 24, 0)).toBe(true);
    expect(seen.find(view(text), 0, 0)).toBe(24);
  });
});

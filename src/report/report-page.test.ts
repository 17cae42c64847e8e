/** The HTML pages: what is in them, and how they behave in a real browser. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe as plainDescribe, expect, it as plainIt } from 'vitest';
import { compilePage } from '../../test/compiled-page.js';
import { requires } from '../../test/requires.js';
import { HOSTILE_COMM, sampleExplanation, sampleReport } from '../../test/sample-report.js';
import type { Timeline, TimelineSlice } from '../trace/timeline.js';
import { html } from './html/markup.js';
import { renderHtml, renderStudy } from './index.js';

beforeAll(compilePage);

const study = (): string =>
  renderStudy({
    title: `Study of ${HOSTILE_COMM}`,
    intro: ['Is yielding ever a net positive?'],
    recordings: ['first.dat', 'second.dat'].map((name, i) => ({
      ...sampleReport,
      name,
      description: `Recording ${i}, with ${HOSTILE_COMM}.`,
      explanation: { ...sampleExplanation, fault: { ...sampleExplanation.fault, longestEpisode: 10 + i } },
    })),
    verdict: ['It depends.'],
  });

plainDescribe('templates', () => {
  plainIt('escape whatever is not made by a template', () => {
    const cells = [html`<b>${'<i>'}</b>`, '"\'&', 7, undefined, false] as const;
    expect(html`<a title="${'"><x>'}">${cells}</a>`.text).toBe(
      '<a title="&quot;&gt;&lt;x&gt;"><b>&lt;i&gt;</b>&quot;&#39;&amp;7</a>',
    );
    expect(html`${'a\u0000b\u001bc\n'}`.text).toBe('a\ufffdb\ufffdc\n');
  });

  plainIt('are not fooled by objects that look like markup', () => {
    const fake: unknown = JSON.parse('{"text":"<x>","made by html``":true}');
    expect(() => html`${fake as string}`.text).toThrow(TypeError);
  });
});

plainDescribe('a page', () => {
  plainIt('holds nothing of a trace as markup', () => {
    for (const text of [renderHtml({ ...sampleReport, name: HOSTILE_COMM }), study()]) {
      expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;');
      expect(text).not.toContain('<script>alert');
      expect(text).not.toContain('odd<event>');
      // Our own script, and one block of data per recording.
      expect(text.match(/<script\b/g)).toHaveLength(text.includes('second.dat') ? 3 : 2);
    }
  });

  plainIt('fetches nothing and lets only its own script run', () => {
    const text = renderHtml(sampleReport);
    expect(text).toMatch(/default-src &#39;none&#39;; script-src &#39;sha256-[\w+/]{43}=&#39;/);
    const markup = text.replace(/<(script|style)\b[\s\S]*?<\/\1>/g, '');
    expect(markup.match(/\b(?:src|srcset|action|poster)=|\bhref="(?!#)|@import|url\(/g)).toBeNull();
    expect(text.match(/https?:\/\/|@import|url\(/g)).toBeNull();
  });

  plainIt('says everything of importance without its script', () => {
    const text = renderHtml(sampleReport);
    const words = [
      'stood still for 212 ms',
      '1,005 faults in a row',
      'Raise /sys/kernel',
      '12 events lost',
      'ksmd (57)',
    ];
    const more = [
      'ffff888100000000',
      'vCPU 0 (101)',
      'the file ends early',
      'too few zaps',
      'Glossary',
      'since v6.12',
    ];
    for (const part of [...words, ...more]) expect(text).toContain(part);
    const glossary = text.slice(text.indexOf('id="glossary"'));
    expect(glossary.match(/<dt>/g)?.length).toBeGreaterThanOrEqual(10);
    expect(text).toMatch(/data-start="100000000"\s+data-end="312000000"\s+data-tid="101"/);
  });

  plainIt('says when slices are merged or missing, and stays small', () => {
    const timeline = manySlices(200_000);
    const text = renderHtml({ ...sampleReport, timeline: { ...timeline, dropped: 1234 } });
    expect(text).toContain('50,000 of 200,000 slices, all shorter than');
    expect(text).toContain('1,234 short and uneventful slices');
    expect(text.length).toBeLessThan(4e6);
    expect(renderHtml(sampleReport)).not.toContain('class="notice"');
  });
});

/** Slices with lengths, names and details as various as those of a real recording. */
function manySlices(count: number): Timeline {
  const slices = Array.from({ length: count }, (_, id): TimelineSlice => {
    const start = id * 7919 + ((id * 104_729) % 5000);
    const retried = id % 9 === 0 ? (id % 50) + 1 : 0;
    return {
      id,
      track: id % 8,
      start,
      end: start + 200 + ((id * 7907) % 60_000),
      name: `gfn 0x${((id * 31) % 65_536).toString(16)}`,
      category: id % 8 < 4 ? 'fault' : 'invalidation',
      details: { attempts: retried + 1, retried, lockWaitNs: (id * 13) % 4000, outcome: 'mapped' },
      events: [id * 2, id * 2 + 1],
    };
  });
  const tracks = Array.from({ length: 8 }, (_, id) => ({
    id,
    name: `CPU ${id}`,
    kind: 'vcpu' as const,
    tid: id,
  }));
  return { tracks, slices, flows: [] };
}

/** Full name of a program that requires() has found. */
function onPath(program: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((each) => join(each, program)).find(existsSync) ?? program;
}

const { describe, it } = requires('chromium');

describe('in a browser', () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'faultline-report-'));
    browser = await chromium.launch({
      executablePath: onPath('chromium'),
      args: ['--headless=new', '--no-sandbox', '--disable-gpu'],
    });
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  /** Opens a page from a file, as its readers do; `complaints` are errors and requests for anything else. */
  async function open(text: string, hash = ''): Promise<{ page: Page; complaints: string[] }> {
    const file = join(folder, 'report.html');
    writeFileSync(file, text);
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (!request.url().startsWith('file:')) complaints.push(`request: ${request.url()}`);
    });
    page.on('dialog', () => complaints.push('a dialog'));
    await page.goto(pathToFileURL(file).href + hash);
    await page.waitForSelector('[data-drawn]');
    return { page, complaints };
  }

  /** What the first timeline shows, ns. */
  async function shown(page: Page, index = 0): Promise<{ start: number; end: number }> {
    await page.waitForTimeout(120);
    const drawn = await page.locator('.timeline').nth(index).getAttribute('data-drawn');
    const [start, end] = (drawn ?? '').split(' ').map(Number);
    return { start, end };
  }

  /** Number of colours on the lanes. */
  const colours = (page: Page): Promise<number> =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('.tl-lanes');
      const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
      return new Set(new Uint32Array(pixels?.buffer ?? new ArrayBuffer(0))).size;
    });

  it('opens without complaint and draws', async () => {
    const { page, complaints } = await open(renderHtml(sampleReport));
    expect(await shown(page)).toEqual({ start: 0, end: 1e9 });
    expect(await colours(page)).toBeGreaterThan(6);
    expect(await page.title()).toBe('sample.dat · faultline');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('goes to the evidence of a finding, and keeps the place in the address', async () => {
    const { page, complaints } = await open(renderHtml(sampleReport));
    await page.click('[data-finding=retry-storm] .jump');
    const there = await shown(page);
    expect(there.start).toBeCloseTo(100e6 - 212e6 / 8, 0);
    expect(there.end).toBeCloseTo(312e6 + 212e6 / 8, 0);
    await page.waitForFunction(() => location.hash.startsWith('#r=0&t='));
    const { hash } = new URL(page.url());
    await page.close();
    const again = await open(renderHtml(sampleReport), hash);
    const back = await shown(again.page);
    expect(Math.abs(back.start - there.start) + Math.abs(back.end - there.end)).toBeLessThan(4);
    expect([...complaints, ...again.complaints]).toEqual([]);
    await again.page.close();
  });

  it('zooms, pans and fits by keys, and shows the keys', async () => {
    const { page } = await open(renderHtml(sampleReport));
    await page.keyboard.press('w');
    const closer = await shown(page);
    expect(closer.end - closer.start).toBeCloseTo(0.6e9, 0);
    await page.keyboard.press('d');
    expect((await shown(page)).start).toBeGreaterThan(closer.start);
    await page.keyboard.press('f');
    expect(await shown(page)).toEqual({ start: 0, end: 1e9 });
    expect(await page.locator('#keys').isVisible()).toBe(false);
    await page.keyboard.press('?');
    expect(await page.locator('#keys').isVisible()).toBe(true);
    await page.keyboard.press('w');
    await page.keyboard.press('?');
    expect(await page.locator('#keys').isVisible()).toBe(false);
    expect(await shown(page)).toEqual({ start: 0, end: 1e9 });
    await page.close();
  });

  it('zooms by wheel once it has been clicked, around the pointer, and moves by dragging', async () => {
    const { page } = await open(renderHtml(sampleReport));
    const lanes = page.locator('.tl-scroll');
    await lanes.scrollIntoViewIfNeeded();
    const box = await lanes.boundingBox();
    if (box === null) throw new Error('the timeline is not on show');
    const [x, y] = [box.x + box.width * 0.6, box.y + 12];
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, -10);
    expect((await shown(page)).end).toBe(1e9);
    await page.mouse.click(x, y);
    await page.mouse.wheel(0, -400);
    const zoomed = await shown(page);
    expect(zoomed.end - zoomed.start).toBeCloseTo(1e9 / Math.E, -3);
    await page.mouse.down();
    await page.mouse.move(x + 100, y, { steps: 4 });
    await page.mouse.up();
    const moved = await shown(page);
    expect(moved.start).toBeLessThan(zoomed.start);
    expect(moved.end - moved.start).toBeCloseTo(zoomed.end - zoomed.start, 0);
    await page.close();
  });

  it('selects by click, follows the chain by ] and [, and shows names as text', async () => {
    const { page, complaints } = await open(renderHtml(sampleReport), '#r=0&s=1');
    const panel = page.locator('.tl-selection');
    await page.waitForFunction(() => document.querySelector('.tl-selection h4') !== null);
    expect(await panel.locator('h4').textContent()).toBe(`gfn 0x3a41: 1005 faults ${HOSTILE_COMM}`);
    await page.keyboard.press(']');
    expect(await panel.textContent()).toContain('invalidation, end inferred');
    await page.keyboard.press('[');
    expect(await panel.locator('dl').textContent()).toMatch(/retried because of|wait|fault/);
    await page.keyboard.press('Escape');
    expect(await panel.locator('h4').count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('opens a recording of a study behind its tab', async () => {
    const { page, complaints } = await open(study());
    expect(await page.locator('[data-recording="1"]').isVisible()).toBe(false);
    await page.click('[data-tab="1"]');
    await page.waitForSelector('[data-recording="1"] [data-drawn]');
    expect(await page.locator('[data-recording="0"]').isVisible()).toBe(false);
    await page.keyboard.press('w');
    const second = await shown(page, 1);
    expect(second.end - second.start).toBeCloseTo(0.6e9, 0);
    expect(await shown(page, 0)).toEqual({ start: 0, end: 1e9 });
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('prints everything: all recordings, folded parts, light colours', async () => {
    const { page } = await open(study());
    await page.waitForFunction(() => document.querySelectorAll('[data-ready]').length === 2);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    expect(await page.locator('[data-recording="1"] .tl-lanes').isVisible()).toBe(true);
    expect(await page.locator('details:not([open])').count()).toBe(0);
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(paper).toBe('rgb(255, 255, 255)');
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    expect(await page.locator('details[open]').count()).toBe(0);
    await page.close();
  });

  it('stays fluid with 150,000 slices', async () => {
    const { page, complaints } = await open(renderHtml({ ...sampleReport, timeline: manySlices(200_000) }));
    const slowest = await page.evaluate(async () => {
      let worst = 0;
      for (const key of ['w', 'w', 'a', 'd', 's', 's', 'f', 'w']) {
        document.dispatchEvent(new KeyboardEvent('keydown', { key }));
        const before = performance.now();
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        worst = Math.max(worst, performance.now() - before);
      }
      return worst;
    });
    // A frame of a shared machine without a graphics card; 5 times what it takes here.
    expect(slowest).toBeLessThan(500);
    expect(complaints).toEqual([]);
    await page.close();
  });
});

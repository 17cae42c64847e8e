/**
 * A simulation is its setup: the same hashes on every run, on every machine, and in a browser. The hashes
 * are pinned: whoever changes the model on purpose writes the new ones here, and nobody changes it without
 * noticing.
 *
 * Method: simulate in this process and in Chromium, which loads the very modules of dist/ from a server on
 * loopback.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe as plainDescribe, expect, it as plainIt } from 'vitest';
import { tryBuild } from '../scripts/lib/build.mjs';
import { loadScenario } from '../src/experiment/scenario/scenario.js';
import { parseOverride } from '../src/experiment/scenario/overrides.js';
import { simulationOf } from '../src/experiment/simulation.js';
import { simulate } from '../src/simulate/run.js';
import type { SimulationSetup } from '../src/simulate/setup.js';
import { repositoryRoot, requires } from './requires.js';

declare global {
  interface Window {
    simulate: typeof simulate;
  }
}

/** Of the result as JSON, and of the trace's times and kinds. */
const PINNED: Readonly<Record<string, { result: string; trace: string }>> = {
  'madvise-large on v6.7': { result: 'd90951ea96b707b3', trace: '63b5ed284afa2edd' },
  'ksm-and-numa on v7.3': { result: '916769ef0123c3a7', trace: '8348bd56598381aa' },
  'uncovered on v6.12, shadow MMU': { result: 'ab503a7514ea7b72', trace: 'ec461604c2935537' },
  // Seven NUMA scans, of which most yield: what a change moves that shows late, shows here.
  'ksm-and-numa for long': { result: '5bb2e9299eae59e4', trace: '9a6f8f299e3a24fb' },
};

function setupOf(name: string): SimulationSetup {
  const scenario = name.split(' ')[0];
  const changes: Record<string, readonly string[]> = {
    'madvise-large on v6.7': ['host.kernel=v6.7', 'host.preempt=full'],
    'ksm-and-numa on v7.3': ['host.kernel=v7.3', 'guest.memory=64MiB', 'storms.numa-balancing.scanDelay=2ms'],
    'uncovered on v6.12, shadow MMU': ['policy.mmu=shadow', 'host.preempt=full'],
    'ksm-and-numa for long': [
      'host.kernel=v7.3',
      'machine.cpus=8',
      'guest.vcpus=4',
      'guest.memory=64MiB',
      'storms.numa-balancing.scanDelay=2ms',
      'storms.numa-balancing.scanPeriod=20ms',
    ],
  };
  const overrides = changes[name].map((change) => parseOverride('--set', change));
  return simulationOf(loadScenario(scenario, overrides), {
    untilNs: name.endsWith('for long') ? 130e6 : 8e6,
  });
}

const sha = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
};

/** What a run is, in two hashes. */
function hashesHere(name: string): { result: string; trace: string } {
  const { result, trace } = simulate(setupOf(name), { trace: true });
  if (trace === undefined) throw new Error('no trace');
  const { time, kind } = trace;
  return {
    result: sha(JSON.stringify(result)),
    trace: sha(Float64Array.from(time).join(), Float64Array.from(kind).join()),
  };
}

plainDescribe('the same hashes as ever', () => {
  plainIt.each(Object.keys(PINNED))('%s', (name) => {
    expect(hashesHere(name)).toEqual(PINNED[name]);
  });
});

const { describe, it } = requires('chromium');

describe('in a browser', () => {
  let server: Server;

  beforeAll(async () => {
    expect(tryBuild(repositoryRoot)).toBe(true);
    server = createServer((request, response) => {
      const path = join(repositoryRoot, 'dist', new URL(request.url ?? '/', 'http://localhost').pathname);
      const found = path.endsWith('.js') && existsSync(path);
      response.writeHead(found || request.url === '/' ? 200 : 404, {
        'content-type': found ? 'text/javascript' : 'text/html',
      });
      response.end(found ? readFileSync(path) : '<!doctype html><title>simulate</title>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server.close());

  it('the same hashes', async () => {
    const browser = await chromium.launch({
      executablePath: onPath('chromium'),
      args: ['--headless=new', '--no-sandbox', '--disable-gpu'],
    });
    try {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      // Text, because vitest would rewrite the import.
      await page.addScriptTag({
        type: 'module',
        content: "import { simulate } from '/simulate/run.js'; window.simulate = simulate;",
      });
      await page.waitForFunction(() => 'simulate' in window);
      for (const name of Object.keys(PINNED)) {
        const [json, times, kinds] = await page.evaluate((setup) => {
          const { result, trace } = window.simulate(setup, { trace: true });
          return [
            JSON.stringify(result),
            Float64Array.from(trace?.time ?? []).join(),
            Float64Array.from(trace?.kind ?? []).join(),
          ];
        }, setupOf(name));
        expect({ result: sha(json), trace: sha(times, kinds) }).toEqual(PINNED[name]);
      }
    } finally {
      await browser.close();
    }
  });
});

/** Full name of a program that requires() has found. */
function onPath(program: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((each) => join(each, program)).find(existsSync) ?? program;
}

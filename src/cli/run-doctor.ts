/** What `faultline doctor` does once its arguments are parsed. */
import { canMeasure, hostChecks, type Check } from '../measure/host/checks.js';
import { hostFacts } from '../measure/host/facts.js';
import { restoreLeftovers } from '../measure/host/journal.js';
import type { Restored } from '../measure/host/types.js';
import { renderEntries, type EntryList } from '../report/index.js';
import type { DoctorOptions } from './doctor.js';
import { printJson, terminalOptions } from './terminal.js';

/** The machine cannot do it. */
const CANNOT = 3;

export function runDoctor(options: DoctorOptions): void {
  if (options.restore === true) restore(options.json === true);
  else diagnose(options.json === true);
}

function diagnose(json: boolean): void {
  const checks = hostChecks();
  const measures = canMeasure(checks);
  if (json) printJson({ version: 1, canMeasure: measures, checks, host: hostFacts() });
  else process.stdout.write(renderEntries(listsOf(checks), terminalOptions()));
  if (!measures) process.exitCode = CANNOT;
}

const TITLES = { ok: 'Works here', limited: 'Works in part', missing: 'Missing' } as const;

function listsOf(checks: readonly Check[]): EntryList[] {
  return (['ok', 'limited', 'missing'] as const).flatMap((wanted) => {
    const entries = checks
      .filter(({ state }) => state === wanted)
      .map(({ name, finding, means, remedy }) => ({
        name,
        facts: [finding],
        text: [means, remedy === undefined ? undefined : `To do: ${remedy}`]
          .filter((each) => each !== undefined)
          .join('. '),
      }));
    return entries.length === 0 ? [] : [{ title: TITLES[wanted], columns: false, entries }];
  });
}

function restore(json: boolean): void {
  const restored: readonly Restored[] = restoreLeftovers();
  if (json) printJson({ version: 1, restored });
  else if (restored.length === 0) process.stdout.write('nothing to put back\n');
  else
    for (const { what, outcome, detail } of restored)
      process.stdout.write(`${outcome}: ${what}: ${detail}\n`);
  if (restored.some(({ outcome }) => outcome === 'failed')) process.exitCode = CANNOT;
}

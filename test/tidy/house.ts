/** The numbers and tables of the house rules, and the exceptions to them. */

/** Lines per file. */
export const MAX_LINES = 400;
export const MAX_TEST_LINES = 500;
/** Columns per line of code. */
export const MAX_COLUMNS = 110;

/**
 * Which folders of src/ (and web) a folder may import. Dependencies go one way; tests are exempt.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  trace: [],
  model: ['trace'],
  explain: ['trace'],
  files: ['trace'],
  simulate: ['model', 'trace'],
  check: ['model', 'trace', 'files'],
  measure: ['model', 'trace', 'files'],
  report: ['explain', 'trace', 'simulate'],
  experiment: ['explain', 'report', 'trace', 'files', 'model', 'simulate', 'check', 'measure'],
  cli: ['experiment', 'explain', 'report', 'trace', 'files', 'model', 'simulate', 'check', 'measure'],
  web: ['explain', 'report', 'trace', 'model', 'simulate', 'check'],
};

/** Folders that also run in a browser: no Node modules (tsconfig.browser.json and oxlint see to globals). */
export const BROWSER_FOLDERS: readonly string[] = ['trace', 'explain', 'model', 'simulate', 'web'];

/** Modules that are started and not imported: their exports are for nobody in the repository. */
export const ENTRY_POINTS: readonly string[] = [
  'src/cli/main.ts',
  'scripts/lib/summary-reporter.mjs',
  'scripts/lib/coroutines/plugin.mjs',
  'bench/engine/tasks.mjs',
  'src/experiment/claims/claim-worker.ts',
  'src/measure/storms/storm-worker.ts',
  'src/measure/tracing/drain-worker.ts',
];

/** One file that may break one rule. A rule that it no longer breaks must be taken off the list. */
export interface Exception {
  rule: string;
  file: string;
  reason: string;
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    rule: 'file length',
    file: 'src/simulate/event-queue.ts',
    reason: 'one data structure: everything in it works on the same private arrays',
  },
];

/**
 * `faultline study [NAME]`: the main job, from a study file to its report.
 */
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { StudyResult } from '../experiment/run-study.js';
import { studyNames } from '../experiment/study-names.js';
import { INTERRUPTED } from './interrupt.js';
import { Progress } from './progress.js';
import { helpText } from './help-text.js';
import { printJson, terminalOptions } from './terminal.js';
import { version } from './version.js';

interface StudyOptions {
  out?: string;
  json?: boolean;
}

const EXAMPLE = `
Studies here: ${studyNames().join(', ')}. A study of your own is a YAML file like studies/seed.yaml.

Example: explain and compare the recordings that come with Faultline
  faultline study seed
  xdg-open out/seed/report.html`;

export function addStudy(program: Command): void {
  program
    .command('study')
    .description('run a study file end to end and write its report')
    .argument('[name]', 'a study that comes with Faultline, or a .yaml file', 'seed')
    .option('--out <folder>', 'where to write (default: out/NAME)')
    .option('--json', 'one JSON object on stdout: docs/study.md describes it')
    .addHelpText('after', helpText(EXAMPLE))
    .action(run);
}

async function run(name: string, options: StudyOptions): Promise<void> {
  const [{ loadStudy }, { runStudy }] = await Promise.all([
    import('../experiment/study-file.js'),
    import('../experiment/run-study.js'),
  ]);
  const study = loadStudy(name);
  const folder = resolve(options.out ?? join('out', study.name));
  let progress = new Progress('reading');
  const next = (what: string): void => {
    progress.end();
    progress = new Progress(what);
  };
  const controller = new AbortController();
  const onInterrupt = (): void => controller.abort();
  // Once: the second Ctrl-C ends the process.
  process.once('SIGINT', onInterrupt);
  const result = await runStudy(study, folder, {
    progress: {
      onRecording: (recording, index, total) => next(`reading ${recording} (${index + 1} of ${total})`),
      onProgress: (done, total) => progress.update(done, total),
      onScenario: (scenario) => next(`measuring ${scenario}`),
      onClaims: () => next('simulating'),
    },
    signal: controller.signal,
    command: ['faultline', ...process.argv.slice(2)],
    version: version(),
  });
  process.off('SIGINT', onInterrupt);
  progress.end();
  if (options.json === true) printJson(asJson(result));
  else await print(result);
  const { recordings, measured, claims } = result.missing;
  const parts = [
    recordings.length > 0 && `not read: ${recordings.join(', ')}`,
    measured.length > 0 && `not measured: ${measured.join(', ')}`,
    claims.length > 0 && `not simulated: ${claims.join(', ')}`,
  ].filter((part) => part !== false);
  if (parts.length === 0) return;
  process.stderr.write(`faultline: interrupted; ${parts.join('; ')}\n`);
  process.exitCode = INTERRUPTED;
}

async function print(result: StudyResult): Promise<void> {
  const { renderClaims, renderComparisonTable, renderMeasured, wrap } = await import('../report/index.js');
  const options = terminalOptions();
  const lines = [
    result.title,
    '',
    renderComparisonTable(result.rows, options).trimEnd(),
    '',
    ...result.verdict.flatMap((sentence) => wrap(sentence, options.width)),
    '',
    ...(result.measured.length > 0 ? [renderMeasured(result.measured, options)] : []),
    ...(result.claims.length > 0 ? [renderClaims(result.claims, options)] : []),
    ...result.files.map((file) => `  ${relative(process.cwd(), file) || file}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function asJson(result: StudyResult): object {
  const { study, title, verdict, rows, recordings, claims, measured, missing, files } = result;
  const explanations = recordings.map(({ name, description, explanation }) => ({
    name,
    description,
    ...explanation,
  }));
  return { version: 1, study, title, verdict, rows, explanations, claims, measured, missing, files };
}

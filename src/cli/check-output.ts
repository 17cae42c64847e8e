/** The answer of a check, in the terminal and as JSON. */
import type { CheckResult, CheckSetup, ExecutionCount } from '../check/check.js';
import { columns } from '../check/counterexample/columns.js';
import { narrate } from '../check/counterexample/narrate.js';
import { FIRST_PAGE } from '../model/machine.js';
import { INVARIANTS } from '../model/invariants/names.js';
import { terminalOptions } from './terminal.js';

const number = (value: number): string => value.toLocaleString('en-US');

export function renderCheck(
  setup: CheckSetup,
  result: CheckResult,
  showsSteps: boolean,
  command: string,
): string {
  const { protocol, whose, memory, scope } = setup;
  const scopeText = [
    some(scope.vcpus, 'vCPU', 'vCPUs'),
    some(scope.gfns, 'gfn', 'gfns'),
    some(scope.invalidators, 'invalidator', 'invalidators'),
    some(scope.touches, 'touch', 'touches'),
    some(scope.rounds, 'round', 'rounds'),
  ].join(', ');
  const lines = [
    `${protocol.name}: ${protocol.about}`,
    `  ${whose} under ${memory}: ${scopeText}`,
    `  ${answer(result)}`,
    `  ${figures(result)}`,
  ];
  if (result.finding !== undefined) lines.push(...counterexample(result, showsSteps, command));
  return wrap(lines).join('\n') + '\n';
}

function some(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function answer({ finding, complete }: CheckResult): string {
  if (finding !== undefined) return `VIOLATED ${finding.name}: ${finding.message}`;
  if (complete) return 'clean: every interleaving of this scope was explored, and none violates anything';
  return 'nothing found so far: explored in part only, so this is no answer';
}

function figures({ states, transitions, depth, time, bytesPerState }: CheckResult): string {
  const rate = states / Math.max(1, time);
  return (
    `${number(states)} states, ${number(transitions)} transitions, ${depth} steps deep, ` +
    `${(time / 1000).toFixed(2)} s (${number(Math.round(rate))} states/ms), ` +
    `${bytesPerState.toFixed(0)} bytes a state`
  );
}

function counterexample(result: CheckResult, showsSteps: boolean, command: string): string[] {
  const { finding, steps } = result;
  const names = [...new Map(steps.map(({ thread, threadName }) => [thread, threadName]))];
  const lines = ['', `  ${steps.length} steps lead there; none that leads there has fewer:`, ''];
  for (const { step, text } of narrate(steps, FIRST_PAGE)) {
    lines.push(`  ${String(step).padStart(3)}  ${text}`);
  }
  lines.push(`       => ${finding?.message}`);
  if (result.loop.length > 0) {
    lines.push('', '  and then for ever:', '');
    for (const { text } of narrate(result.loop, FIRST_PAGE)) lines.push(`       ${text}`);
  }
  if (showsSteps) {
    const threads = Array.from(
      { length: Math.max(...names.map(([thread]) => thread)) + 1 },
      (_, thread) => names.find(([each]) => each === thread)?.[1] ?? '',
    );
    lines.push('', ...columns(steps, threads, terminalOptions().width));
  } else {
    lines.push('', '  --steps shows every step of every thread.');
  }
  const rule = INVARIANTS[finding?.name as keyof typeof INVARIANTS];
  if (rule !== undefined) lines.push(`  ${finding?.name}: ${rule}`);
  lines.push(`  Again: ${command}`);
  return lines;
}

/** Lines that are too long go on below, under their text. */
function wrap(lines: readonly string[]): string[] {
  const { width } = terminalOptions();
  return lines.flatMap((line) => {
    if (line.length <= width) return [line];
    const indent = /^\s*(?:\d+\s{2,})?/.exec(line)?.[0].length ?? 0;
    const out: string[] = [];
    let current = line.slice(0, indent);
    for (const word of line.slice(indent).split(' ')) {
      if (current.trim() !== '' && current.length + 1 + word.length > width) {
        out.push(current);
        current = ' '.repeat(indent + 2) + word;
      } else {
        current += current.length > indent && !current.endsWith(' ') ? ` ${word}` : word;
      }
    }
    return [...out, current];
  });
}

export function renderExecutions({ protocol, memory }: CheckSetup, counted: ExecutionCount): string {
  const { executions, blocked, complete, finding, seconds, executionsPerSecond } = counted;
  const how = complete ? 'every execution was seen, once' : 'explored in part only, so this is no answer';
  const lines = [
    `${protocol.name} under ${memory}: ${number(executions)} executions, ${number(blocked)} blocked`,
    `  ${finding === undefined ? how : `VIOLATED ${finding.name}: ${finding.message}`}`,
    `  ${seconds.toFixed(2)} s, ${number(Math.round(executionsPerSecond))} executions a second`,
  ];
  return `${wrap(lines).join('\n')}\n`;
}

export function checkAsJson(
  { protocol, whose, memory, scope, policy }: CheckSetup,
  result: CheckResult,
): object {
  const { states, transitions, depth, complete, finding, steps, bytesPerState, time } = result;
  return {
    version: 1,
    protocol: protocol.name,
    kernel: whose,
    memory,
    scope,
    policy,
    verdict: finding !== undefined ? 'violated' : complete ? 'clean' : 'unknown',
    states,
    transitions,
    depth,
    complete,
    bytesPerState,
    seconds: time / 1000,
    finding,
    steps: steps.map(({ thread, threadName, operation, found, left }) => ({
      thread,
      name: threadName,
      operation,
      found,
      left,
    })),
    sentences: narrate(steps, FIRST_PAGE),
  };
}

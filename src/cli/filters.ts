/**
 * Options that select a part of a trace: shared by all commands that read one.
 */
import { Option, type Command } from 'commander';
import { BadQuantity, parseDuration } from '../experiment/scenario/quantities.js';
import { InputError } from '../trace/errors.js';
import type { TraceFilter } from '../trace/store/filter.js';

export interface FilterOptions {
  window?: string;
  task?: string[];
  event?: string[];
}

/** Add --window, --task and --event. */
export function addFilters(command: Command): Command {
  const collect = (value: string, list: string[] = []) => [
    ...list,
    ...value.split(',').filter((item) => item !== ''),
  ];
  return command
    .option(
      '--window <from..to>',
      'keep this time only: 12.5s..12.9s by the trace clock, +100ms..+2s from its first event',
    )
    .addOption(
      new Option('--task <list>', 'keep these threads: tids or names, separated by commas').argParser(
        collect,
      ),
    )
    .addOption(
      new Option('--event <list>', 'keep these events: kvm:*, contention_begin, ...').argParser(collect),
    );
}

/** The filter that the options ask for. */
export function filterFrom(options: FilterOptions): TraceFilter {
  return {
    ...(options.window === undefined ? {} : parseWindow(options.window)),
    ...(options.task === undefined
      ? {}
      : { tasks: options.task.map((task) => (/^\d+$/.test(task) ? Number(task) : task)) }),
    ...(options.event === undefined ? {} : { events: options.event }),
  };
}

/** `12.5s..12.9s`, `+100ms..+2s`, `12.5s..`, `..+2s`. */
function parseWindow(text: string): Pick<TraceFilter, 'from' | 'to' | 'relative'> {
  const field = { field: '--window' };
  const parts = text.split('..');
  if (parts.length !== 2)
    throw new InputError(`"${text}" is no window: write FROM..TO, such as 12.5s..12.9s`, field);
  const given = parts.filter((part) => part !== '');
  if (given.length === 0) throw new InputError('the window has neither a start nor an end', field);
  const relative = given.map((part) => part.startsWith('+'));
  if (relative.includes(true) && relative.includes(false)) {
    throw new InputError(`"${text}" mixes trace-clock and + times: use one kind for both ends`, field);
  }
  const [from, to] = parts.map((part) =>
    part === '' ? undefined : durationFrom(part.replace(/^\+/, ''), '--window'),
  );
  if (from !== undefined && to !== undefined && to < from)
    throw new InputError(`"${text}" ends before it starts`, field);
  return {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    relative: relative[0],
  };
}

/** A duration with its unit (`250us`), in ns. */
export function durationFrom(text: string, option: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof BadQuantity)) throw error;
    throw new InputError(error.message, { field: option });
  }
}

/**
 * What a command knows about the terminal it prints to.
 */
import type { TerminalOptions } from '../report/terminal/sheet.js';

const DEFAULT_WIDTH = 80;
const WIDEST = 120;

/** Width and colour of stdout; NO_COLOR and FORCE_COLOR are honoured. */
export function terminalOptions(): TerminalOptions {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const wantsColor = FORCE_COLOR !== undefined && FORCE_COLOR !== '0' ? true : process.stdout.isTTY;
  return {
    width: Math.min(WIDEST, Math.max(40, process.stdout.columns ?? DEFAULT_WIDTH)),
    color: wantsColor && (NO_COLOR === undefined || NO_COLOR === ''),
  };
}

/** Print the one JSON object of --json. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

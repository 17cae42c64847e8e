/** Where terminal reports are written on: width, colours, rows per table. */
import { painter, type Paint } from './text.js';

export interface TerminalOptions {
  /** Columns; no line is longer. At least 40 are assumed. */
  readonly width: number;
  /** Use ANSI colours. */
  readonly color: boolean;
  /** Rows per table; 8 when left out. */
  readonly top?: number;
}

/** What every section needs. */
export interface Sheet {
  readonly width: number;
  readonly paint: Paint;
  readonly top: number;
}

export function sheetOf(options: TerminalOptions): Sheet {
  return {
    width: Math.max(40, Math.floor(options.width)),
    paint: painter(options.color),
    top: options.top ?? 8,
  };
}

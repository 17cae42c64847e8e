/**
 * The beginning of an event line, up to the event's arguments; what all layouts have in common.
 */

import type { ArgumentReader } from './arguments.js';

/** Where things are in a line, once `read` said that it is an event. */
export abstract class LineHead {
  /** Number of the task, from TaskNames. */
  task = 0;
  cpu = 0;
  flags = 0;
  /** Bytes of the event's name (`system:name` in perf's layout), and the first byte of its arguments. */
  nameStart = 0;
  nameEnd = 0;
  args = 0;
  /** Reader of the event where its name was recalled; then `nameStart` and `nameEnd` say nothing. */
  reader: ArgumentReader | undefined;
  /** The bytes that are being read, as words. */
  view: DataView = new DataView(new ArrayBuffer(0));
  #viewed: Uint8Array = new Uint8Array(0);

  /** Say which bytes the next lines are in. */
  look(bytes: Uint8Array): void {
    if (bytes === this.#viewed) return;
    this.#viewed = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Whether the line at `start` begins like an event. Call `look` first. */
  abstract read(bytes: Uint8Array, start: number): boolean;
}

/** Largest CPU number that the store holds. */
export const MOST_CPU = 0xffff;
export const COLON = 58;
export const NEWLINE = 10;

/** Value of a decimal digit's byte; above 9 for anything else. */
export function digitOf(byte: number): number {
  return (byte - 48) >>> 0;
}

export function skipSpaces(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] === 32) at++;
  return at;
}

/**
 * Cuts a Chrome trace into its events as bytes arrive: one event at a time is in memory, whatever the size of
 * the file.
 *
 * Both forms are read, `[event, ...]` and `{"traceEvents": [event, ...], ...}`; the end of either may be
 * missing.
 */
import { InputError } from '../../errors.js';
import { isSpace } from './json-cursor.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** Longest event and longest key. */
const MOST_EVENT = 1 << 24;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * `start` before anything; `keys` in the outer object, between members; `key` inside a key; `value` before
 * and inside a member that is not wanted; `events` between events; `event` inside one; `end` behind the
 * outermost value.
 */
type State = 'start' | 'keys' | 'key' | 'value' | 'events' | 'event' | 'end';

/** Told of each event: its bytes, and its offset in the file. */
export type OnEvent = (bytes: Uint8Array, start: number, end: number, offset: number) => void;

export class ArrayScanner {
  /** Damage that stopped the scan, one sentence. */
  stopped: string | undefined;
  /** An array of events was found. */
  found = false;

  #state: State = 'start';
  #outerObject = false;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Bytes of the event or key that began in earlier chunks. */
  #held: Uint8Array[] = [];
  #heldLength = 0;
  #key = '';
  /** Offset of the current chunk in the file. */
  #offset = 0;
  /** Where the event being read begins in the file, and in the current chunk. */
  #eventAt = 0;
  #eventStart = 0;

  constructor(readonly onEvent: OnEvent) {}

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.stopped === undefined) {
      switch (this.#state) {
        case 'event':
          at = this.#event(chunk, at);
          break;
        case 'key':
          at = this.#readKey(chunk, at);
          break;
        case 'value':
          at = this.#skipValue(chunk, at);
          break;
        default:
          this.#between(chunk[at], at);
          at++;
          // Even if the chunk ends here: the event keeps what it has of each chunk.
          if (this.#beginsEvent()) at = this.#event(chunk, at);
      }
    }
    this.#offset += chunk.length;
    this.#eventStart = 0;
  }

  /** Where the input ends inside an event: its offset. */
  get unfinished(): number | undefined {
    return this.#state === 'event' ? this.#eventAt : undefined;
  }

  #between(byte: number, at: number): void {
    const offset = this.#offset + at;
    if (isSpace(byte)) return;
    switch (this.#state) {
      case 'start':
        if (offset < BYTE_ORDER_MARK.length && byte === BYTE_ORDER_MARK[offset]) return;
        if (byte === OPEN_ARRAY) this.#beginEvents();
        else if (byte === OPEN_OBJECT) {
          this.#outerObject = true;
          this.#state = 'keys';
        } else throw new InputError('is no Chrome trace: it is not JSON', { offset });
        return;
      case 'keys':
        if (byte === QUOTE) {
          this.#state = 'key';
          this.#hold(new Uint8Array(0));
        } else if (byte === CLOSE_OBJECT) this.#state = 'end';
        else if (byte !== COMMA) this.#stop(`byte ${offset} begins no member of the trace`);
        return;
      case 'events':
        if (byte === OPEN_OBJECT) {
          this.#state = 'event';
          this.#depth = 1;
          this.#eventAt = offset;
          this.#eventStart = at;
        } else if (byte === CLOSE_ARRAY) this.#state = this.#outerObject ? 'keys' : 'end';
        else if (byte !== COMMA) this.#stop(`byte ${offset} begins no event`);
        return;
      default:
        this.#stop(`byte ${offset} stands behind the end of the trace`);
    }
  }

  #beginsEvent(): boolean {
    return this.#state === 'event';
  }

  #beginEvents(): void {
    this.#state = 'events';
    this.found = true;
  }

  #stop(why: string): void {
    this.stopped = `${why}: the rest of the file is not read`;
  }

  /** Read the event that began; returns where it or the chunk ends. */
  #event(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length && this.#depth > 0) this.#step(chunk[at++]);
    const start = this.#eventStart;
    if (this.#depth > 0) {
      this.#hold(chunk.slice(start, at));
      if (this.#heldLength > MOST_EVENT) this.#stop(`the event at byte ${this.#eventAt} does not end`);
      return at;
    }
    this.#state = 'events';
    if (this.#heldLength === 0) this.onEvent(chunk, start, at, this.#eventAt);
    else {
      this.#hold(chunk.subarray(start, at));
      const bytes = this.#taken();
      this.onEvent(bytes, 0, bytes.length, this.#eventAt);
    }
    return at;
  }

  /** Follow one byte through strings and brackets. */
  #step(byte: number): void {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
    } else if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) this.#depth--;
  }

  #readKey(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      if (this.#escaped) this.#escaped = false;
      else if (chunk[at] === BACKSLASH) this.#escaped = true;
      else if (chunk[at] === QUOTE) {
        this.#hold(chunk.subarray(from, at));
        this.#key = new TextDecoder().decode(this.#taken());
        this.#state = 'value';
        this.#depth = 0;
        return at + 1;
      }
    }
    this.#hold(chunk.slice(from));
    if (this.#heldLength > MOST_EVENT) this.#stop('a name does not end');
    return chunk.length;
  }

  /** Skip to the end of a member, or to the events if this is the member that has them. */
  #skipValue(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (!this.#inString && this.#depth === 0) {
        if (byte === OPEN_ARRAY && this.#key === 'traceEvents' && !this.found) {
          this.#beginEvents();
          return at + 1;
        }
        if (byte === COMMA || byte === CLOSE_OBJECT) {
          this.#state = byte === COMMA ? 'keys' : 'end';
          return at + 1;
        }
        if (byte === COLON || isSpace(byte)) continue;
      }
      this.#step(byte);
    }
    return chunk.length;
  }

  #hold(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#heldLength += bytes.length;
  }

  /** All that was held, in one piece. */
  #taken(): Uint8Array {
    const all = new Uint8Array(this.#heldLength);
    let at = 0;
    for (const part of this.#held) {
      all.set(part, at);
      at += part.length;
    }
    this.#held = [];
    this.#heldLength = 0;
    return all;
  }
}

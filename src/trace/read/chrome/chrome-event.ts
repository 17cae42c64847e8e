/**
 * One event of a Chrome trace, taken apart.
 */
import type { Strings } from '../../store/strings.js';
import { NO_VALUE } from './chrome-numbers.js';
import { JsonCursor, type JsonValue } from './json-cursor.js';

const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Members that are read. */
export class ChromeEvent {
  ph = '';
  name = '';
  cat = '';
  /** Microseconds. */
  ts = NO_VALUE;
  dur = NO_VALUE;
  tid = NO_VALUE;
  /** Written by Faultline: CPU, and the flags of the ring buffer. */
  cpu = NO_VALUE;
  flags = NO_VALUE;
  /** Members of `args`. */
  readonly args: { name: string; value: JsonValue }[] = [];
  readonly #cursor: JsonCursor;

  constructor(strings: Strings) {
    this.#cursor = new JsonCursor(strings);
  }

  /** Read the object in these bytes; false when it is no JSON object. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.ph = this.name = this.cat = '';
    this.ts = this.dur = this.tid = this.cpu = this.flags = NO_VALUE;
    this.args.length = 0;
    const cursor = this.#cursor.reset(bytes, start, end);
    return this.#object((name) => this.#member(name)) && cursor.position === end;
  }

  #object(member: (name: string) => boolean): boolean {
    const cursor = this.#cursor;
    if (!cursor.take(OPEN_OBJECT)) return false;
    if (cursor.take(CLOSE_OBJECT)) return true;
    do {
      const name = cursor.string();
      if (name === undefined || !cursor.take(COLON) || !member(name)) return false;
    } while (cursor.take(COMMA));
    return cursor.take(CLOSE_OBJECT);
  }

  #member(name: string): boolean {
    if (name === 'args' && this.#cursor.peek() === OPEN_OBJECT) {
      return this.#object((argument) => {
        const value = this.#cursor.value();
        if (value) this.args.push({ name: argument, value });
        return value !== undefined;
      });
    }
    const value = this.#cursor.value();
    if (!value) return false;
    switch (name) {
      case 'ph':
      case 'name':
      case 'cat':
        this[name] = value.text;
        break;
      case 'ts':
      case 'dur':
      case 'tid':
      case 'cpu':
      case 'flags':
        this[name] = value;
        break;
      default:
    }
    return true;
  }
}

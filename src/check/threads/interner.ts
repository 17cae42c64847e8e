/** Gives equal things equal numbers: chains of frames, and what frames hold. */
import type { Coroutine, Frame } from '../../model/frames.js';

/** Objects that frames may hold are made once, when a machine is built; more of them are a mistake. */
const MOST_OBJECTS = 10_000;

/** Numbers things by a key, from 0. */
export class Numbering<T> {
  readonly #numbers = new Map<string, number>();
  readonly values: T[] = [];

  numberOf(key: string, make: () => T): number {
    const found = this.#numbers.get(key);
    if (found !== undefined) return found;
    const number = this.values.length;
    this.#numbers.set(key, number);
    this.values.push(make());
    return number;
  }
}

export class FrameInterner {
  readonly #objects = new Map<object, number>();
  readonly #functions = new Map<Coroutine, number>();
  readonly #frames = new Numbering<Frame>();
  /** Frames that were numbered; a frame never changes once it is linked. */
  #known = new WeakMap<Frame, number>();

  /** Number of a chain of frames by what they hold; -1 for none. */
  numberOf(top: Frame | null): number {
    if (top === null) return -1;
    const found = this.#known.get(top);
    if (found !== undefined) return found;
    const caller = this.numberOf(top.$caller);
    const number = this.#frames.numberOf(`${this.#keyOf(top)}<${caller}`, () => top);
    this.#known.set(top, number);
    return number;
  }

  frameOf(number: number): Frame | null {
    return number < 0 ? null : this.#frames.values[number];
  }

  #keyOf(frame: Frame): string {
    let key = `${idOf(this.#functions, frame.fn)}:${frame.$pc}`;
    const fields = frame as unknown as Record<string, unknown>;
    for (let index = 0; index < 20; index++) {
      const name = `v${index}`;
      if (!(name in fields)) break;
      key += `,${this.#valueKey(fields[name])}`;
    }
    return key;
  }

  #valueKey(value: unknown): string {
    if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
    if (value === undefined) return 'u';
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value !== 'object') throw new Error(`a frame holds a ${typeof value}`);
    if (value instanceof Int32Array) return 'mem';
    const view = viewKey(value);
    if (view !== undefined) return view;
    const id = idOf(this.#objects, value);
    if (id > MOST_OBJECTS)
      throw new Error(`frames hold ever new objects, such as a ${value.constructor.name}`);
    return `#${id}`;
  }
}

/** Objects without state of their own, that are made anew for each use: memory and a place in it. */
function viewKey(value: object): string | undefined {
  const { mem, base, ...rest } = value as { mem?: unknown; base?: unknown };
  if (mem === undefined || typeof base !== 'number' || Object.keys(rest).length > 0) return undefined;
  return `${value.constructor.name}@${base}`;
}

function idOf<T>(numbers: Map<T, number>, value: T): number {
  const found = numbers.get(value);
  if (found !== undefined) return found;
  numbers.set(value, numbers.size);
  return numbers.size - 1;
}

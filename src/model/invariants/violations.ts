/** Violations as they are found. */
import type { InvariantName } from './names.js';

export interface Violation {
  readonly name: InvariantName;
  /** What was seen, with numbers. */
  readonly message: string;
  /** How many events the threads had emitted, this one included. */
  readonly event: number;
}

/** A run that goes wrong goes on going wrong; the first ones tell. */
const KEPT = 100;

export class Violations {
  readonly list: Violation[] = [];
  /** All of them, also those that are not in the list. */
  total = 0;
  /** Events emitted so far. */
  event = 0;

  add(name: InvariantName, message: string): void {
    this.total++;
    if (this.list.length < KEPT) this.list.push({ name, message, event: this.event });
  }
}

/**
 * What a reader could not take at face value: lost events, lines it did not understand, clocks that ran
 * backwards.
 *
 * Nothing here stops a reader. Everything here is shown to the user, because silent drops are how trace tools
 * lie.
 */

/** A place where the kernel says that events are missing. */
export interface Loss {
  readonly cpu: number;
  /** Events lost there; undefined where the kernel knows only that some were. */
  readonly events: number | undefined;
  /** Time of the next event that survived on that CPU, ns since the trace's origin; undefined if none did. */
  readonly beforeTime: number | undefined;
}

/** Something seen repeatedly: how often, and the first example. */
export interface Sample {
  count: number;
  /** Line number (text), byte offset (binary); 1-based for lines. */
  readonly firstAt: number;
  readonly example: string;
}

const EXAMPLE_LENGTH = 160;
const MOST_KEYS = 1000;
/** Where everything beyond is counted. */
const OTHERS = '(others)';

export class Diagnostics {
  readonly losses: Loss[] = [];
  /** Text that is no event line, by reason. */
  readonly unknownLines = new Map<string, Sample>();
  /** Events whose arguments could not be read in full, by event name. */
  readonly unparsedFields = new Map<string, Sample>();
  /** Events that the event table does not define, by name; they are kept with their own fields. */
  readonly unknownEvents = new Map<string, Sample>();
  /** Input that ends too early or contradicts itself: one sentence each. */
  readonly damage: string[] = [];
  /** Other things a reader wants the user to know: one sentence each. */
  readonly notes: string[] = [];
  /** Events earlier than their predecessor on the same CPU; they are sorted into place. */
  clockBackwards = 0;
  /** Largest step back, ns. */
  largestBackstep = 0;
  /** Events left out by the user's own filters. */
  filtered = 0;

  addLoss(cpu: number, events: number | undefined, beforeTime?: number): void {
    this.losses.push({ cpu, events, beforeTime });
  }

  /** An event came `step` ns before its predecessor on the same CPU. */
  addBackstep(step: number): void {
    this.clockBackwards++;
    this.largestBackstep = Math.max(this.largestBackstep, step);
  }

  /** Events known to be lost; `unknown` counts places where the kernel does not say how many. */
  get lost(): { events: number; unknown: number } {
    let events = 0;
    let unknown = 0;
    for (const loss of this.losses) {
      if (loss.events === undefined) unknown++;
      else events += loss.events;
    }
    return { events, unknown };
  }

  count(table: Map<string, Sample>, key: string, at: number, example: string): void {
    const kept = table.has(key) || table.size < MOST_KEYS ? key : OTHERS;
    const known = table.get(kept);
    if (known) known.count++;
    else table.set(kept, { count: 1, firstAt: at, example: example.slice(0, EXAMPLE_LENGTH) });
  }

  addDamage(sentence: string): void {
    if (this.damage.length < MOST_KEYS) this.damage.push(sentence);
  }

  addNote(sentence: string): void {
    if (!this.notes.includes(sentence)) this.notes.push(sentence);
  }
}

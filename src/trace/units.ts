/**
 * Branded units: a number that is a guest frame cannot be passed where a host address is wanted.
 *
 * The brand exists for the compiler alone; at run time each is a plain number (or bigint). Numbers hold
 * integers exactly up to 2^53; 64-bit kernel addresses above that are bigints and are never rounded.
 */
declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Nanoseconds since the origin of a trace, or a duration in nanoseconds. */
export type Ns = Branded<number, 'ns'>;
/** Thread id on the host, as tracepoints print it (0 is the idle task of any CPU). */
export type Tid = Branded<number, 'tid'>;
/** Host CPU number. */
export type Cpu = Branded<number, 'cpu'>;
/** Position of an event in a Trace, 0 is the earliest. */
export type EventIndex = Branded<number, 'event'>;

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
/** Guest frame number: guest-physical address / 4096. */
export type Gfn = Branded<number, 'gfn'>;
/** Thread id on the host, as tracepoints print it (0 is the idle task of any CPU). */
export type Tid = Branded<number, 'tid'>;
/** Host CPU number. */
export type Cpu = Branded<number, 'cpu'>;
/** KVM's vcpu_id. */
export type VcpuId = Branded<number, 'vcpu'>;
/** Address of a lock in kernel memory; identity of the lock. Text traces may carry a hash of it instead. */
export type LockAddress = Branded<bigint, 'lock'>;
/** Position of an event in a Trace, 0 is the earliest. */
export type EventIndex = Branded<number, 'event'>;

/** Bytes in the 4 KiB page that a gfn counts. */
export const PAGE_SIZE = 4096;

/** What a vCPU's thread and the main thread share. */

/** Indexes into `control`, and the commands. */
export const Control = {
  /** Index: what the thread is to do. */
  Command: 0,
  /** Index: nobody ever changes it, for waiting. */
  Never: 1,
  /** Index: how many commands there have been. Threads wait for it to change. */
  Sequence: 2,
  /** Command: in the guest. */
  Run: 0,
  /** Command: outside. */
  Stop: 1,
  /** Command: the thread ends. */
  End: 2,
} as const;

/** Indexes into `counts`: see ExitCounts. */
export const Count = { NoSlot: 0, Refused: 1, RingFull: 2, Interrupted: 3 } as const;
export const COUNTS = 4;

/** What the thread is started with. */
export interface VcpuThreadData {
  readonly vcpu: number;
  readonly fd: number;
  readonly runAddress: bigint;
  readonly runBytes: number;
  /** Guest physical address of the exit page. */
  readonly exitPage: number;
  /** CPU of the host that it stays on. */
  readonly cpu: number | undefined;
  readonly control: Int32Array;
  readonly counts: Int32Array;
}

export type VcpuMessage =
  | { readonly kind: 'ready'; readonly tid: number }
  /** CLOCK_MONOTONIC just after the guest left, ns; the number of the command that it answers. */
  | { readonly kind: 'waits' | 'finished'; readonly leftAt: bigint; readonly sequence: number }
  | { readonly kind: 'ended' };

/** What the thread that drains ring buffers is started with, and told. */
export interface DrainTask {
  readonly cpus: readonly DrainCpu[];
  readonly pageBytes: number;
  /** [0]: Command. */
  readonly control: Int32Array<SharedArrayBuffer>;
}

export interface DrainCpu {
  /** trace_pipe_raw of the CPU. */
  readonly from: string;
  /** File that its pages are written to. */
  readonly to: string;
}

export const Command = { Drain: 0, Finish: 1 } as const;

/**
 * What the rest of `measure` sees of the host: settings that are put back, what a killed run leaves behind,
 * facts.
 */

/** Through which every change of the host goes; `Journal` is one. */
export interface Settings {
  /**
   * Changes a setting (a file of sysfs, procfs or debugfs) until the run ends.
   *
   * @throws MachineError when the file is not there, the kernel refuses, or it keeps another value; nothing
   *   is changed then
   */
  set(path: string, value: string): void;
}

/** Something outside of this process's memory that has to go when the run ends, however it ends. */
export type Leftover =
  /** A folder below tracefs/instances, removed with rmdir. */
  | { readonly kind: 'tracefs-instance'; readonly path: string }
  /** Probes of the kernel, the whole group. */
  | { readonly kind: 'kprobes'; readonly group: string }
  /** A file system that this run mounts. */
  | { readonly kind: 'mount'; readonly path: string; readonly type: string }
  /** A folder and all in it, or a file; its name contains `faultline` or `.partial`, or it is refused. */
  | { readonly kind: 'folder' | 'file'; readonly path: string }
  /** A process that this run started; whoever has its pid later is left alone. */
  | { readonly kind: 'process'; readonly pid: number };

/** What was done about a setting or a leftover. */
export interface Restored {
  /** The path of the setting, or the leftover in words. */
  readonly what: string;
  /**
   * `restored`: put back, removed, ended. `unchanged`: there was nothing to do. `foreign`: somebody else
   * changed it meanwhile, and it was left alone. `failed`: it could not be done; it stays in the journal.
   */
  readonly outcome: 'restored' | 'unchanged' | 'foreign' | 'failed';
  /** One phrase: from which value to which, or why not. */
  readonly detail: string;
}

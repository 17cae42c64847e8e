/**
 * Kernel releases as numbers: `6.12.107+deb13-amd64` is 612, and a Debian kernel.
 */

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  /** major * 100 + minor, to compare. */
  readonly code: number;
  /** PREEMPT_RT flavour. */
  readonly isRealTime: boolean;
  readonly vendor: 'debian' | 'el' | 'proxmox' | 'other';
  /** Build of an Enterprise Linux kernel: 444 in 5.14.0-444.el9. */
  readonly elBuild?: number;
  readonly elMajor?: number;
}

/** Undefined when the text has no version in it. */
export function parseRelease(release: string | undefined): KernelVersion | undefined {
  const match = /(\d+)\.(\d+)/.exec(release ?? '');
  if (!release || !match) return undefined;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const el = /-(\d+)(?:\.[\d.]+)?\.el(\d+)/.exec(release);
  const vendor = el
    ? 'el'
    : /-pve/.test(release)
      ? 'proxmox'
      : /deb|amd64/.test(release)
        ? 'debian'
        : 'other';
  return {
    major,
    minor,
    code: major * 100 + minor,
    isRealTime: /(^|[-.+])rt(\d|[-+.]|$)/.test(release),
    vendor,
    ...(el ? { elBuild: Number(el[1]), elMajor: Number(el[2]) } : {}),
  };
}

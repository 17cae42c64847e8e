/** Where the run lock and the journal are. Every run on a host has to look at the same place. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The place of whoever may change the host. */
const OF_ROOT = '/var/lib/faultline';

/**
 * `FAULTLINE_STATE`; else a place that depends on the user alone: root has /var/lib/faultline, whatever sudo
 * made of the environment; others have `$XDG_STATE_HOME/faultline` or ~/.local/state/faultline.
 *
 * @param uid 0 is root
 */
export function stateFolder(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.geteuid?.(),
): string {
  const { FAULTLINE_STATE: chosen, XDG_STATE_HOME: state } = env;
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  if (uid === 0) return OF_ROOT;
  return join(state !== undefined && state !== '' ? state : join(homedir(), '.local', 'state'), 'faultline');
}

/**
 * The machine of a scenario: what the file says, completed from a preset.
 */
import type { MachineSetup } from '../../simulate/setup.js';
import type { Preset } from '../cost-files.js';
import type { ScenarioFields } from './schema.js';

/** Machine whose costs count where a scenario names none. */
export const DEFAULT_PRESET = 'base';

type MachineFields = ScenarioFields['machine'];

/** All CPUs of the preset, unless the scenario says how many it has. */
export function machineOf(fields: MachineFields, preset: Preset): MachineSetup {
  const named = fields.preset === undefined ? undefined : preset.machine;
  const cpus = fields.cpus ?? preset.machine.cpus;
  const sockets = fields.sockets ?? named?.sockets ?? 1;
  const smt = fields.smt ?? named?.smt ?? 1;
  const coresPerSocket = Math.max(1, Math.floor(cpus / (sockets * smt)));
  return {
    cpus,
    sockets,
    nodes: fields.nodes ?? (fields.sockets === undefined ? named?.nodes : undefined) ?? sockets,
    smt,
    coresPerCache: fields.coresPerCache ?? Math.min(named?.coresPerCache ?? coresPerSocket, coresPerSocket),
  };
}

/** What is impossible about a machine, and which field says so. */
export function machineProblem(
  machine: MachineSetup,
): { field: keyof MachineFields; message: string } | undefined {
  const { cpus, sockets, nodes, smt, coresPerCache } = machine;
  if (sockets > cpus) {
    return { field: 'sockets', message: `more sockets (${sockets}) than CPUs (${cpus}): a socket needs one` };
  }
  if (cpus % (sockets * smt) !== 0) {
    const cores = `${sockets} sockets of cores with ${smt} threads`;
    return { field: 'cpus', message: `${cpus} CPUs cannot be shared evenly by ${cores}` };
  }
  const cores = cpus / smt;
  if (nodes > cores || (nodes !== 1 && nodes % sockets !== 0) || cores % nodes !== 0) {
    return {
      field: 'nodes',
      message: `${nodes} nodes: write 1, or a multiple of ${sockets} (sockets) that divides ${cores} (cores)`,
    };
  }
  if ((cores / sockets) % coresPerCache !== 0) {
    const message = `${coresPerCache} to a cache do not divide the ${cores / sockets} cores of a socket`;
    return { field: 'coresPerCache', message };
  }
  return undefined;
}

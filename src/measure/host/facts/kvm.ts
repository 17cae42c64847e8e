/** Which KVM this is: modules and what they were loaded with. */
import { known, namesIn, readText } from './read.js';

export interface KvmFacts {
  /** kvm_intel, kvm_amd, kvm_pvm ...; absent when none is loaded or built in. */
  readonly module?: string;
  /** Whether the processor walks the tables of guest and host alike: ept or npt. */
  readonly twoDimensionalPaging?: boolean;
  /** Whether the TDP MMU is used. Absent when KVM does not say. */
  readonly tdpMmu?: boolean;
  /** By module, then by name. */
  readonly parameters: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export function kvmFacts(): KvmFacts {
  const modules = namesIn('/sys/module').filter((name) => /^kvm(_|$)/.test(name));
  const parameters = Object.fromEntries(modules.map((name) => [name, parametersOf(name)]));
  const vendor = modules.find((name) => name !== 'kvm');
  const walks =
    vendor === undefined ? undefined : (parameters[vendor]['ept'] ?? parameters[vendor]['npt'] ?? 'N');
  const twoDimensionalPaging = walks === undefined ? undefined : walks === 'Y' || walks === '1';
  const tdpMmu = parameters['kvm']?.['tdp_mmu'];
  return known({
    module: vendor,
    twoDimensionalPaging,
    tdpMmu: tdpMmu === undefined ? undefined : tdpMmu === 'Y' && twoDimensionalPaging !== false,
    parameters,
  });
}

function parametersOf(module: string): Record<string, string> {
  const folder = `/sys/module/${module}/parameters`;
  return Object.fromEntries(
    namesIn(folder).flatMap((name) => {
      const value = readText(`${folder}/${name}`);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/**
 * Reads a scenario by name or by path.
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../trace/errors.js';
import { parseYaml, readYamlFile, type YamlOverride } from '../yaml-file.js';
import { checkScenario } from './checks.js';
import { SCENARIOS, scenarioNames } from './scenario-names.js';
import { scenarioFields, type ScenarioFields } from './schema.js';

/** A scenario: sizes in bytes, times in ns, shares from 0 to 1. */
export type Scenario = ScenarioFields & {
  readonly name: string;
  /** Whether the file, or the command line, says whose KVM it is about. */
  readonly namesKernel: boolean;
};

const scenarioSchema = scenarioFields.superRefine((scenario, context) => {
  checkScenario(scenario, (path, message) => context.addIssue({ code: 'custom', path: [...path], message }));
});

/**
 * @param nameOrPath `ksm-and-numa`, or `mine.yaml`
 * @param overrides fields set on the command line
 * @throws InputError with file, line and field
 */
export function loadScenario(nameOrPath: string, overrides: readonly YamlOverride[] = []): Scenario {
  const isPath = /\.ya?ml$/.test(nameOrPath);
  const path = isPath ? nameOrPath : join(SCENARIOS, `${nameOrPath}.yaml`);
  if (!isPath && !existsSync(path)) {
    throw new InputError(
      `no scenario "${nameOrPath}": there are ${scenarioNames().join(', ')}; or name a .yaml file`,
    );
  }
  const name = basename(path).replace(/\.ya?ml$/, '');
  const namesKernel = hasKernel(readYamlFile(path, z.unknown(), overrides));
  return { ...readYamlFile(path, scenarioSchema, overrides), name, namesKernel };
}

/**
 * The same for text that is at hand.
 *
 * @internal for tests
 */
export function parseScenario(text: string, overrides: readonly YamlOverride[] = []): Scenario {
  const namesKernel = hasKernel(parseYaml(text, 'x.yaml', z.unknown(), overrides));
  return { ...parseYaml(text, 'x.yaml', scenarioSchema, overrides), name: 'x', namesKernel };
}

/** Defaults are filled in when a scenario is checked: only what was written tells. */
const namesKernelSchema = z.object({
  host: z.object({ kernel: z.unknown().refine((kernel) => kernel !== undefined) }),
});

function hasKernel(written: unknown): boolean {
  return namesKernelSchema.safeParse(written).success;
}

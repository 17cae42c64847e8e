/**
 * Reads a scenario by name or by path.
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { InputError } from '../../trace/errors.js';
import { parseYaml, readYamlFile, type YamlOverride } from '../yaml-file.js';
import { checkScenario } from './checks.js';
import { SCENARIOS, scenarioNames } from './scenario-names.js';
import { scenarioFields, type ScenarioFields } from './schema.js';

/** A scenario: sizes in bytes, times in ns, shares from 0 to 1. */
export type Scenario = ScenarioFields & { readonly name: string };

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
  return { ...readYamlFile(path, scenarioSchema, overrides), name };
}

/**
 * The same for text that is at hand.
 *
 * @internal for tests
 */
export function parseScenario(text: string, overrides: readonly YamlOverride[] = []): Scenario {
  return { ...parseYaml(text, 'x.yaml', scenarioSchema, overrides), name: 'x' };
}

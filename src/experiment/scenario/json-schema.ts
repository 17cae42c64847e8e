/**
 * docs/scenario.schema.json: what editors complete and check scenario files with. It comes from the same
 * schema as the checks; what fields mean to each other only the checks know.
 */
import { z } from 'zod';
import { scenarioFields } from './schema.js';

/** Text of the JSON schema. */
export function renderScenarioSchema(): string {
  const schema = z.toJSONSchema(scenarioFields, { io: 'input', reused: 'inline' });
  const named = { $schema: schema.$schema, title: 'Faultline scenario', ...schema };
  return `${JSON.stringify(named, undefined, 2)}\n`;
}

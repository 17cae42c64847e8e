/**
 * docs/recording.schema.json: what other programs read recordings by. It comes from the same schema as the
 * checks.
 */
import { z } from 'zod';
import { recordingSchema } from './schema.js';

/** Text of the JSON schema. */
export function renderRecordingSchema(): string {
  const schema = z.toJSONSchema(recordingSchema, { reused: 'inline' });
  const named = { $schema: schema.$schema, title: 'Faultline recording', ...schema };
  return `${JSON.stringify(named, undefined, 2)}\n`;
}

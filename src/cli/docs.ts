/**
 * `faultline docs`: writes the generated documentation. For developers of Faultline; a test fails when it is
 * stale.
 */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';

export function addDocs(program: Command): void {
  program
    .command('docs', { hidden: true })
    .description('write docs/events.md and the schemas of scenarios and recordings')
    .action(async () => {
      const { writeChunks } = await import('../files/output-file.js');
      const { renderEventsDoc } = await import('../trace/events/events-doc.js');
      const { renderScenarioSchema } = await import('../experiment/scenario/json-schema.js');
      const { renderRecordingSchema } = await import('../experiment/recording/json-schema.js');
      const documents = {
        'events.md': renderEventsDoc(),
        'scenario.schema.json': renderScenarioSchema(),
        'recording.schema.json': renderRecordingSchema(),
      };
      for (const [name, text] of Object.entries(documents)) {
        const path = fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
        await writeChunks(path, [text]);
        process.stderr.write(`wrote ${path}\n`);
      }
    });
}

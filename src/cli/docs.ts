/**
 * `faultline docs`: writes the generated documentation. For developers of Faultline; a test fails when it is
 * stale.
 */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';

export function addDocs(program: Command): void {
  program
    .command('docs', { hidden: true })
    .description('write docs/events.md from the event table')
    .action(async () => {
      const { writeChunks } = await import('../files/output-file.js');
      const { renderEventsDoc } = await import('../trace/events/events-doc.js');
      const path = fileURLToPath(new URL('../../docs/events.md', import.meta.url));
      await writeChunks(path, [renderEventsDoc()]);
      process.stderr.write(`wrote ${path}\n`);
    });
}

/**
 * Prints what failed, what was skipped and why, and last the line of counts that other programs read.
 *
 * @param {import('./summary-reporter.mjs').Summary} summary
 */
export function printSummary({ passed, failed, failures, skipped }) {
  if (skipped.length > 0) console.log('\nSkipped:');
  for (const { name, reason } of skipped) console.log(`  ${name}: ${reason}`);
  if (failures.length > 0) console.log('\nFailed:');
  for (const name of failures) console.log(`  ${name}`);
  console.log(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);
}

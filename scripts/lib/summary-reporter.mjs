/**
 * A vitest reporter that writes what scripts/test.mjs needs for its summary, as JSON, to the file named by
 * FAULTLINE_SUMMARY. Without that variable it does nothing.
 */
import { writeFileSync } from 'node:fs';

/**
 * @typedef {{ name: string, reason: string }} Skipped
 * @typedef {{ passed: number, failed: number, failures: string[], skipped: Skipped[] }} Summary
 */

export default class SummaryReporter {
  /**
   * @param {ReadonlyArray<import('vitest/node').TestModule>} modules
   * @param {ReadonlyArray<import('vitest/node').SerializedError>} unhandled
   */
  onTestRunEnd(modules, unhandled) {
    const file = process.env.FAULTLINE_SUMMARY;
    if (file !== undefined) writeFileSync(file, JSON.stringify(summarize(modules, unhandled)));
  }
}

/**
 * @param {ReadonlyArray<import('vitest/node').TestModule>} modules
 * @param {ReadonlyArray<import('vitest/node').SerializedError>} unhandled
 * @returns {Summary}
 */
function summarize(modules, unhandled) {
  /** @type {Summary} */
  const summary = { passed: 0, failed: 0, failures: [], skipped: [] };
  /** @param {string} name */
  const fail = (name) => {
    summary.failed++;
    summary.failures.push(name);
  };
  for (const module of modules) {
    const file = module.relativeModuleId;
    // A file that does not load, or a hook of a group that throws, fails without failing any one test.
    for (const error of module.errors()) fail(`${file}: ${firstLine(error.message)}`);
    for (const suite of module.children.allSuites()) {
      for (const error of suite.errors()) fail(`${file}: ${suite.fullName}: ${firstLine(error.message)}`);
    }
    for (const test of module.children.allTests()) {
      const name = `${file}: ${test.fullName}`;
      const result = test.result();
      if (result.state === 'passed') summary.passed++;
      else if (result.state === 'skipped') {
        summary.skipped.push({ name, reason: result.note ?? test.meta().skipReason ?? 'no reason given' });
      } else fail(name);
    }
  }
  for (const error of unhandled) fail(`outside any test: ${firstLine(error.message)}`);
  return summary;
}

/** @param {string} text */
function firstLine(text) {
  return text.split('\n')[0];
}

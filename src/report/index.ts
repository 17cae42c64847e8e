/** Reports: a terminal summary, an HTML page, and both for a study of several recordings. */
export { comparisonRow } from './comparison-row.js';
export { renderHtml } from './html/report.js';
export { renderStudy } from './html/study.js';
export { renderClaims } from './terminal/claims.js';
export { renderComparisonTable } from './terminal/comparison.js';
export { renderEntries, type EntryList } from './terminal/entries.js';
export { renderInferenceScore, type ScoreRow } from './terminal/inference-score.js';
export { renderMeasured, renderMeasurement } from './terminal/measurement.js';
export { renderSimulation } from './terminal/simulation.js';
export { renderTerminal } from './terminal/summary.js';
export { wrap } from './terminal/text.js';

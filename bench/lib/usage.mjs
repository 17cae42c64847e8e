/**
 * Loaded before a program with --import: writes its largest resident size, in MB, to file descriptor 3 when
 * it ends.
 */
import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

// Worker threads load it too.
if (isMainThread) process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS / 1024)));

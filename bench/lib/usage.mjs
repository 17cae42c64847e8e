/**
 * Loaded before a program with --import: writes its largest resident size, in MB, to file descriptor 3 when
 * it ends.
 */
import { writeSync } from 'node:fs';

process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS / 1024)));

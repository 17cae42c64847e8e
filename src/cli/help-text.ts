/** What stands below the options in --help. */
import { wrap } from '../report/terminal/text.js';

const WIDTH = 80;

/** Its lines, broken where they are longer than 80 columns; examples, which are indented, stay whole. */
export function helpText(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => (line.length <= WIDTH || line.startsWith(' ') ? [line] : wrap(line, WIDTH)))
    .join('\n');
}

/**
 * Bad input, said in one line: what is wrong, where, and what to do about it. Commands turn it into exit code
 * 2.
 */
export class InputError extends Error {
  override readonly name = 'InputError';

  /**
   * @param message what is wrong and what to do, without the place
   * @param where the place: file, line (1-based), byte offset, field; whatever is known
   */
  constructor(
    message: string,
    readonly where: { file?: string; line?: number; offset?: number; field?: string } = {},
  ) {
    super(message);
  }

  /** `file:line: field: message`, the one line a user sees. */
  get oneLine(): string {
    const { file, line, offset, field } = this.where;
    let place = file ?? '';
    if (line !== undefined) place += `${place ? ':' : 'line '}${line}`;
    if (offset !== undefined) place += `${place ? ' ' : ''}at byte ${offset}`;
    if (field !== undefined) place += `${place ? ' ' : ''}(${field})`;
    return oneLine(place ? `${place}: ${this.message}` : this.message);
  }

  /** The same error with the file named, unless one is named already. */
  inFile(file: string): InputError {
    return this.where.file === undefined ? new InputError(this.message, { ...this.where, file }) : this;
  }
}

const LONGEST_LINE = 400;

/** Names out of a damaged file may hold anything; on a terminal they must not. */
function oneLine(text: string): string {
  const line = text.replaceAll(/\p{Cc}/gu, '?');
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}...` : line;
}

/**
 * The machine cannot do what was asked: says what is missing and what to run. Commands turn it into exit code
 * 3.
 */
export class MachineError extends Error {
  override readonly name = 'MachineError';
}

/**
 * One line of progress, on stderr: stdout belongs to the command's result.
 *
 * @param {string} text
 */
export function say(text) {
  process.stderr.write(`faultline: ${text}\n`);
}

/** A failure of the tooling that one line says; scripts print it and exit with `code`. */
export class ToolingError extends Error {
  /**
   * @param {string} message
   * @param {number} code exit code; 3 says that the machine cannot do it
   */
  constructor(message, code = 3) {
    super(message);
    this.code = code;
  }
}

/**
 * Runs a script's main function; a ToolingError becomes one line on stderr and the exit code.
 *
 * @param {() => void | Promise<void>} main
 */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof ToolingError)) throw error;
    say(error.message);
    process.exitCode = error.code;
  }
}

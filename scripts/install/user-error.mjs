/** How a process ends whose configuration is wrong (EX_CONFIG of sysexits.h): starting it again would not help. */
export const configExitCode = 78;

/** An error whose message tells the user what to do: printed without a stack. */
export class UserError extends Error {
  /** @param {string} message @param {number} [exitCode] */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** How the program ends: one line that says what to do, and a code that a script can go by. */
import { LogReplacedError } from "@jetscribe/event-log/read/replayLog";
import { ConfigError, configExitCode } from "@jetscribe/runtime";
import { CommanderError } from "commander";

export const exitCodes = {
  done: 0,
  /** There is no such task or key, the gateway refused, or something failed. */
  failed: 1,
  /** Wrong use (EX_USAGE of sysexits.h). */
  usage: 64,
  /** The broker can't be reached, or has no log; or the gateway can't be (EX_UNAVAILABLE). */
  unavailable: 69,
  /** Wrong settings (EX_CONFIG). */
  config: configExitCode,
  /** Ctrl-C, before it was done. */
  interrupted: 130,
} as const;

/** Its message is one line, for the user. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** What was typed can't be meant. */
export const usageError = (message: string): CliError =>
  new CliError(message, exitCodes.usage);

/** It was meant well, and can't be done. */
export const failed = (message: string, cause?: unknown): CliError =>
  new CliError(message, exitCodes.failed, { cause });

/** A code, and the line to print; without one it was said already. */
export function endingOf(error: unknown): { code: number; line?: string } {
  if (error instanceof CliError)
    return { code: error.exitCode, line: error.message };
  if (error instanceof CommanderError)
    return { code: error.exitCode === 0 ? exitCodes.done : exitCodes.usage };
  if (error instanceof ConfigError)
    return { code: exitCodes.config, line: oneLine(error.message) };
  if (error instanceof LogReplacedError)
    return { code: exitCodes.failed, line: `${error.message}: start again` };
  const message = error instanceof Error ? error.message : String(error);
  return { code: exitCodes.failed, line: oneLine(message) };
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, " ");

/** What every command has: its streams, its colours, and why it may end early. */
import type { Env } from "@jetscribe/runtime";
import type { Output } from "./show/output.ts";
import type { Paint } from "./show/paint.ts";

export interface Context {
  /** With what the flags of the call say. */
  env: Env;
  out: Output;
  /** For standard output. */
  paint: Paint;
  /** Prints a line for the user on standard error, if that is a terminal. */
  say: (line: string) => void;
  /** The same, wherever standard error goes. */
  warn: (line: string) => void;
  /** Aborted by Ctrl-C, or where nobody reads the output any more. */
  signal: AbortSignal;
}

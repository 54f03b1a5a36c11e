/**
 * An operator's command: it asks before it changes anything, and its exit code says what came of it. 0 done, or nothing
 * to do; 1 failed, or nothing was changed; 64 wrong use (EX_USAGE of sysexits.h); 78 wrong settings.
 */
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { ConfigError, configExitCode } from "./config.ts";

const usageExitCode = 64;

/** An operator waits so long for a server, in ms; the services wait for ever. */
export const connectWithinMs = 10_000;

/** Asks the operator, whom `--yes` spares the question; where the answer is no, `refusal` is printed. */
export type Confirm = (question: string, refusal: string) => Promise<boolean>;

/**
 * Runs `main` with the words that stand on the command line, and ends the process with the code that it gives. The words
 * have to be one of `forms`, as `"plan"` or `""`; with others the command prints how it is used.
 */
export async function runCommand(
  { usage, forms }: { usage: string; forms: readonly string[] },
  main: (form: string, confirm: Confirm) => Promise<number>,
): Promise<void> {
  const given = readArguments();
  if (given === undefined || !forms.includes(given.form)) {
    console.error(`usage: ${usage}`);
    process.exitCode = usageExitCode;
    return;
  }
  process.exitCode = await main(given.form, async (question, refusal) => {
    const isAgreed = given.yes || (await isConfirmed(question));
    if (!isAgreed) console.error(refusal);
    return isAgreed;
  }).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return error instanceof ConfigError ? configExitCode : 1;
  });
}

/** Undefined: there is an option that no command knows. */
function readArguments() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { yes: { type: "boolean", default: false } },
    });
    return { form: positionals.join(" "), yes: values.yes };
  } catch {
    return undefined;
  }
}

/** Elsewhere than on a terminal nobody could answer, and it is no. */
async function isConfirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  using terminal = createInterface(process.stdin, process.stdout);
  return /^y(es)?$/i.test(
    (await terminal.question(`${question} [y/N] `)).trim(),
  );
}

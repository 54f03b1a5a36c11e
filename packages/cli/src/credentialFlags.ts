/** `--nkey` and `--creds`: the broker's user of one call, in the place of the one that the environment names. */
import { brokerOf, ConfigError, type Env } from "@jetscribe/runtime";
import { Option, type Command } from "commander";
import { usageError } from "./exit.ts";

export interface CredentialFlags {
  nkey?: string;
  creds?: string;
}

/** Of the program: each command that opens the broker takes them. */
export const addCredentialFlags = (program: Command): Command =>
  program
    .addOption(
      new Option(
        "--nkey <file>",
        "the file with the seed of the broker's user, as NATS_NKEY_FILE",
      ).conflicts("creds"),
    )
    .option(
      "--creds <file>",
      "the .creds file of the broker's user, as NATS_CREDS_FILE",
    );

/** Throws a CliError where the file can't be used; it repeats nothing that could be a secret. */
export function withCredentials(
  env: Env,
  { nkey, creds }: CredentialFlags,
): Env {
  if (nkey === undefined && creds === undefined) return env;
  const named = { NATS_NKEY_FILE: nkey, NATS_CREDS_FILE: creds };
  try {
    brokerOf({ NATS_URL: "", ...named }, "operator");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [problem] = error.problems;
    const flag = nkey === undefined ? "--creds" : "--nkey";
    throw usageError(`${flag}: ${problem?.message}`);
  }
  return { ...env, ...named };
}

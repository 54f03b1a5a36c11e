/** The broker's user of a program: the files that prove it, and everything else that a connection needs. */
import { publicKeyOf } from "@jetscribe/event-log/accounts/nkeys";
import type { Role } from "@jetscribe/event-log/accounts/roles";
import type { Credentials } from "@jetscribe/event-log/broker/credentials";
import { readFileSync } from "node:fs";
import * as z from "zod";
import { ConfigError } from "./config.ts";

/**
 * Paths, never the secrets themselves: an environment is easily seen. `{user}` in one stands for the name of the program's
 * user, so that all programs of a system can have the same settings.
 */
export const CredentialSettings = z.object({
  /** The seed of an nkey. */
  NATS_NKEY_FILE: z.string().optional(),
  /** A `.creds` file, of servers in operator mode. */
  NATS_CREDS_FILE: z.string().optional(),
});

type Settings = z.infer<typeof CredentialSettings> & {
  NATS_URL: string;
  NAMESPACE?: string | undefined;
};

/** What `connectBroker` has to know. Throws a ConfigError where the credentials can't be used. */
export const brokerOf = (settings: Settings, role: Role) => ({
  url: settings.NATS_URL,
  namespace: settings.NAMESPACE,
  credentials: credentialsOf(settings, role),
});

function credentialsOf(
  { NATS_URL, NATS_NKEY_FILE, NATS_CREDS_FILE }: Settings,
  role: Role,
): Credentials | undefined {
  if (NATS_NKEY_FILE === undefined && NATS_CREDS_FILE === undefined)
    return undefined;
  if (NATS_NKEY_FILE !== undefined && NATS_CREDS_FILE !== undefined)
    throw wrong("", "NATS_NKEY_FILE and NATS_CREDS_FILE: only one may be set");
  if (NATS_URL.includes("@"))
    throw wrong(
      "NATS_URL",
      "has a user, and so has the file of NATS_NKEY_FILE or NATS_CREDS_FILE: only one may be set",
    );
  const at = (path = "") => path.replaceAll("{user}", role);
  return NATS_NKEY_FILE === undefined
    ? fileOf(role, "creds", "NATS_CREDS_FILE", at(NATS_CREDS_FILE))
    : fileOf(role, "nkey", "NATS_NKEY_FILE", at(NATS_NKEY_FILE));
}

/** The file is read again at each connect. One that can't be used then leaves what it held before. */
function fileOf(
  role: Role,
  kind: Credentials["kind"],
  setting: string,
  path: string,
): Credentials {
  let last = readCredentials(kind, setting, path);
  return {
    ...{ role, kind },
    read() {
      try {
        last = readCredentials(kind, setting, path);
      } catch {
        // It is just being replaced, or was taken away: the server decides whether the old one still counts.
      }
      return last;
    },
  };
}

/** Throws a ConfigError that repeats nothing of what the file holds. */
function readCredentials(
  kind: Credentials["kind"],
  setting: string,
  path: string,
): Uint8Array {
  const text = readText(setting, path).trim();
  try {
    publicKeyOf(kind === "nkey" ? text : seedIn(text));
  } catch (error) {
    throw wrong(setting, `the file: ${(error as Error).message}`);
  }
  return Buffer.from(kind === "nkey" ? text : `${text}\n`);
}

function readText(setting: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The path isn't repeated: it may be the seed itself, by mistake.
    throw wrong(setting, `the file can't be read (${code})`);
  }
}

/** Behind the user's token a `.creds` file has the seed. */
const seedIn = (text: string): string =>
  /-----BEGIN USER NKEY SEED-----\s+(\S+)/.exec(text)?.[1] ?? "";

const wrong = (name: string, message: string): ConfigError =>
  new ConfigError([{ name, message }]);

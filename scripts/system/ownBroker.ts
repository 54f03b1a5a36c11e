import { followSubscribers } from "@jetscribe/runtime/followSubscribers";
import { writeAccounts } from "@jetscribe/runtime/ownAccounts";
import { isNamespace, makeNames, type Names } from "@jetscribe/schema";
import { join } from "node:path";
import { configExitCode, red, say, UserError } from "../install/print.mjs";
import { moveToAccount } from "./moveToAccount.ts";
import type { Supervised } from "./supervise.ts";

/**
 * Makes ready what the private nats-server reads when it starts: its data lie in the services' account, and the accounts
 * have their users. Call it while the server is stopped. Throws a UserError where NAMESPACE is none, or the data can't be
 * moved.
 */
export function prepareOwnBroker(
  dataDir: string,
  namespace: string | undefined,
): Names {
  const names = namesOf(namespace);
  if (moveToAccount(join(dataDir, "nats")))
    say("The data of the private nats-server were moved into an account.");
  try {
    writeAccounts(dataDir, names);
  } catch (error) {
    throw new UserError((error as Error).message);
  }
  return names;
}

/**
 * After so long the accounts are read a second time where one came: what an account that comes again has in JetStream, and
 * what a new one imports, is found only at the reload after the one that brought the account.
 */
const secondReloadMs = 500;

/**
 * While the server runs, it gets to know of the subscribers that are added or removed. It reads its accounts anew at
 * SIGHUP, and once more where an account came; connections, consumers and pulls of those who stay go on. `looksEveryMs`: how
 * often the list of subscribers is looked at for a change.
 */
export function keepAccounts(
  dataDir: string,
  names: Names,
  nats: Pick<Supervised, "send">,
  stopping: AbortSignal,
  looksEveryMs?: number,
): void {
  /** Of the first change nobody knows whether an account came by it. */
  let known = new Set<string>();
  let second: NodeJS.Timeout | undefined;
  const reload = () => nats.send("SIGHUP");
  stopping.addEventListener("abort", () => clearTimeout(second));
  const onChanged = () => {
    try {
      const subscribers = writeAccounts(dataDir, names);
      const now = new Set(subscribers.map(({ name }) => name));
      reload();
      if (!now.isSubsetOf(known)) {
        clearTimeout(second);
        second = setTimeout(reload, secondReloadMs);
      }
      known = now;
    } catch (error) {
      say(
        red(`The subscribers stay as they were: ${(error as Error).message}`),
      );
    }
  };
  followSubscribers(dataDir, stopping, onChanged, looksEveryMs);
}

function namesOf(namespace: string | undefined): Names {
  if (namespace === undefined || isNamespace(namespace))
    return makeNames(namespace);
  throw new UserError(
    `NAMESPACE=${namespace}: expected 1 to 64 letters, digits, - or _, the first no digit`,
    configExitCode,
  );
}

import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { servicesAccount } from "@jetscribe/event-log/accounts/accountsConfig";
import { UserError } from "../install/print.mjs";

/** Where nats-server keeps the streams of its default account. */
const defaultAccount = "$G";

/**
 * Before there were accounts, the private nats-server had its streams in its default account, which nothing can be
 * exported from. They belong to the services' account now: nothing in the files names the account but their folder. Call it
 * while the server is stopped. It is one rename, so a crash leaves it done or not begun. True: something was moved.
 */
export function moveToAccount(natsDir: string): boolean {
  const [from, to] = [defaultAccount, servicesAccount].map((account) =>
    join(natsDir, "jetstream", account),
  ) as [string, string];
  if (!hasStreams(from)) return false;
  if (hasStreams(to))
    throw new UserError(
      `${from} and ${to} both have streams: an older version ran on this data after the newer one.\n` +
        "Only one of them can be gone on with: move the other folder elsewhere, then run the same command again.",
    );
  rmSync(to, { recursive: true, force: true });
  renameSync(from, to);
  return true;
}

function hasStreams(account: string): boolean {
  const streams = join(account, "streams");
  return existsSync(streams) && readdirSync(streams).length > 0;
}

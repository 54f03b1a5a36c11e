import { run } from "../packages/cli/src/run.ts";
import { followSubscribers } from "../packages/runtime/src/followSubscribers.ts";
import { writeAccounts } from "../packages/runtime/src/ownAccounts.ts";
import { makeNames } from "../packages/schema/src/index.ts";

/**
 * `jetscribe subscribers` in containers. The command changes the list of subscribers, and waits until the broker has taken
 * the change in. Nothing follows the list here but this process: it writes the accounts that nats-server reads anew.
 */
const dataDir = process.env.OWN_BROKER_DIR ?? "/data";
const names = makeNames(process.env.NAMESPACE || undefined);

const stopping = new AbortController();
followSubscribers(dataDir, stopping.signal, () =>
  writeAccounts(dataDir, names),
);
await run(["subscribers", ...process.argv.slice(2)], {
  ...process.env,
  OWN_BROKER_DIR: dataDir,
});
stopping.abort();

/** A broker as `npm start` runs it: each service has a user, and a change of the list of subscribers is a reload. */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { settings } from "@jetscribe/event-log/test/eventLogTestKit";
import { brokerOf } from "@jetscribe/runtime";
import { seedFileOf, writeAccounts } from "@jetscribe/runtime/ownAccounts";
import { makeNames } from "@jetscribe/schema";
import {
  startNats,
  type NatsVersion,
  type TestServer,
} from "@jetscribe/testing";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepAccounts } from "../../../scripts/system/ownBroker.ts";
import { runCli } from "./cliTestKit.ts";

export interface OwnBroker extends AsyncDisposable {
  nats: TestServer;
  dataDir: string;
  /** The operator's. */
  broker: Broker;
  /** `jetscribe` with the operator's credentials. */
  run: (...args: string[]) => ReturnType<typeof runCli>;
  /** The same as on a broker that somebody else configures, in the folder of the data. */
  runElsewhere: (...args: string[]) => ReturnType<typeof runCli>;
}

/** `looksEveryMs`: how often the list of subscribers is looked at for a change. */
export async function openOwnBroker(
  version: NatsVersion,
  { looksEveryMs = 20 } = {},
): Promise<OwnBroker> {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "jetscribe-own-"));
  opened.defer(() => rm(dataDir, { recursive: true, force: true }));
  const names = makeNames();
  writeAccounts(dataDir, names);
  const config = ["include ./nats/accounts.conf"];
  const nats = opened.use(await startNats({ version, dataDir, config }));
  const closing = new AbortController();
  opened.defer(() => closing.abort());
  const send = (signal: NodeJS.Signals) => void nats.kill(signal);
  keepAccounts(dataDir, names, { send }, closing.signal, looksEveryMs);
  const operator = {
    NATS_URL: nats.url,
    NATS_NKEY_FILE: seedFileOf(dataDir, "operator"),
  };
  const broker = opened.use(
    await connectBroker({ ...brokerOf(operator, "operator"), name: "test" }),
  );
  await ensureTopology(broker, settings);
  const all = opened.move();
  const here = { ...operator, OWN_BROKER_DIR: dataDir };
  const run = (env: Record<string, string>, args: string[]) =>
    runCli({ env, cwd: dataDir }, ...args);
  return {
    ...{ nats, dataDir, broker },
    run: (...args) => run(here, args),
    runElsewhere: (...args) => run(operator, args),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

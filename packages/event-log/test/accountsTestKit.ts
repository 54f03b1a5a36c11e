/** A broker with users, and plain connections to it: what the server forbids is told, and nothing is tried again. */
import {
  errors,
  nkeyAuthenticator,
  type NatsConnection,
  type PublishOptions,
} from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import {
  makeTestAccounts,
  startNats,
  type NatsVersion,
} from "@jetscribe/testing";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeUserKey } from "../src/accounts/nkeys.ts";
import { inboxPrefixOf, type Role } from "../src/accounts/roles.ts";
import { connectBroker, type Broker } from "../src/broker/connection.ts";
import { applyStreams } from "../src/streams/streamPlan.ts";
import { settings } from "./eventLogTestKit.ts";

/** A user's connection. */
export interface User extends AsyncDisposable {
  nc: NatsConnection;
  /** A subject for answers, which the user may hear. */
  inbox: string;
  /** The subjects that the server forbade so far, by what was to be done with them. */
  forbidden: Record<"publish" | "subscription", Set<string>>;
  /** Publishes, and resolves once the server has taken it or refused. */
  publish(
    subject: string,
    body?: string,
    options?: PublishOptions,
  ): Promise<void>;
}

export interface UsersBroker extends AsyncDisposable {
  /** Of the test, which may do everything in the services' account. */
  broker: Broker;
  connect(role: Role): Promise<User>;
  /** Connects with no key, or with one that the server doesn't know; rejects as the client does. */
  tryConnect(as: "stranger" | undefined): Promise<void>;
}

/** A broker with a user for each role, and the streams on it. */
export async function openUsers(
  version: NatsVersion,
  namespace?: string,
): Promise<UsersBroker> {
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-users-"));
  opened.defer(() => rm(dir, { recursive: true }));
  const accounts = await makeTestAccounts(dir, { namespace });
  const config = [accounts.config];
  const { url } = opened.use(await startNats({ version, config }));
  const broker = opened.use(
    await connectBroker({
      url: accounts.forTest(url),
      name: "test",
      namespace,
    }),
  );
  await applyStreams(broker, settings);
  const all = opened.move();
  return {
    broker,
    async tryConnect(as) {
      const { seed } = makeUserKey();
      const key = as && { authenticator: nkeyAuthenticator(Buffer.from(seed)) };
      const nc = await connect({ servers: url, reconnect: false, ...key });
      await nc.close();
    },
    async connect(role) {
      const seed = (await readFile(accounts.fileOf(role), "utf8")).trim();
      return all.use(
        userOf(
          await connect({
            ...{ servers: url, name: role, inboxPrefix: inboxPrefixOf(role) },
            authenticator: nkeyAuthenticator(Buffer.from(seed)),
          }),
          `${inboxPrefixOf(role)}.answers`,
        ),
      );
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function userOf(nc: NatsConnection, inbox: string): User {
  const forbidden: User["forbidden"] = {
    publish: new Set(),
    subscription: new Set(),
  };
  const watching = (async () => {
    for await (const change of nc.status())
      if (
        change.type === "error" &&
        change.error instanceof errors.PermissionViolationError
      )
        forbidden[change.error.operation].add(change.error.subject);
  })();
  return {
    ...{ nc, inbox, forbidden },
    async publish(subject, body = "", options = {}) {
      nc.publish(subject, body, options);
      await nc.flush();
    },
    async [Symbol.asyncDispose]() {
      await nc.close();
      await watching;
    },
  };
}

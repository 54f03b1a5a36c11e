import {
  accountsConfig,
  type AccountsOptions,
} from "@jetscribe/event-log/accounts/accountsConfig";
import { makeUserKey } from "@jetscribe/event-log/accounts/nkeys";
import { roles, type Role } from "@jetscribe/event-log/accounts/roles";
import { makeNames } from "@jetscribe/schema";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The users of a test's broker. */
export interface TestAccounts {
  /** For the server's configuration. */
  config: string;
  /** The file with a role's seed, for NATS_NKEY_FILE. */
  fileOf: (role: Role) => string;
  /** The file with the seed of an owner that may call over NATS. */
  fileOfCaller: (owner: string) => string;
  /** The same server with the test's own user in it, who may do everything that the services' account can. */
  forTest: (natsUrl: string) => string;
}

/** Makes a user for each role, with its seed in a file of the folder, and one for the test itself. */
export async function makeTestAccounts(
  dir: string,
  {
    namespace,
    subscribers = [],
    callers = [],
    otherUsers = [],
  }: Partial<Pick<AccountsOptions, "subscribers" | "otherUsers">> & {
    namespace?: string | undefined;
    /** Owners (slugs) that may call over NATS. */
    callers?: readonly string[];
  } = {},
): Promise<TestAccounts> {
  const fileOf = (role: Role) => join(dir, `${role}.nk`);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const users = roles.map((role) => ({ role, ...makeUserKey() }));
  const fileOfCaller = (owner: string) => join(dir, `caller-${owner}.nk`);
  const calling = callers.map((owner) => ({ owner, ...makeUserKey() }));
  for (const [file, { seed }] of [
    ...users.map((user) => [fileOf(user.role), user] as const),
    ...calling.map((user) => [fileOfCaller(user.owner), user] as const),
  ])
    await writeFile(file, `${seed}\n`, { mode: 0o600 });
  const password = randomBytes(16).toString("hex");
  const config = accountsConfig({
    names: makeNames(namespace),
    users,
    subscribers: [...subscribers, ...calling.map(callerOf)],
    otherUsers: [
      `{ user: test, password: ${JSON.stringify(password)} }`,
      ...otherUsers,
    ],
  });
  const forTest = (natsUrl: string) =>
    natsUrl.replaceAll("nats://", `nats://test:${password}@`);
  return { config, fileOf, fileOfCaller, forTest };
}

const callerOf = ({
  owner,
  publicKey,
}: {
  owner: string;
  publicKey: string;
}) => ({
  ...{ name: `caller-${owner}`, publicKey, owner, noText: true, api: true },
  createdAt: new Date().toISOString(),
});

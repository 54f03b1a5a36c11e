/** The accounts of a system's broker as nats-server reads them in its configuration: the one place that writes them. */
import type { Names } from "@jetscribe/schema";
import { type Access } from "./access.ts";
import { auditorAccess, auditorAccount } from "./auditor.ts";
import { permissionsOf } from "./permissions.ts";
import type { Role } from "./roles.ts";
import { accessOf, accountOf, type Subscriber } from "./subscriber.ts";

/** The account that the services share, and that has the streams. */
export const servicesAccount = "JETSCRIBE";

export interface AccountsOptions {
  names: Names;
  /** Of each role at most one; a role without one can't connect. */
  users: readonly { role: Role; publicKey: string }[];
  subscribers?: readonly Subscriber[];
  /** Further users of the services' account, as the configuration has them. */
  otherUsers?: readonly string[];
}

/** An account beside that of the services. */
interface Guest {
  account: string;
  publicKey: string;
  access: readonly Access[];
}

/**
 * So long a client may take to say who it is, as long as the clients of NATS wait for a connection. The server's default of 2 s
 * shuts out a program that starts on a busy machine, and that program waits on in vain.
 */
const loginWithinS = 20;

/**
 * The `accounts` block and the name of the system account. Whoever has none of these users can't connect. The same input
 * gives the same text.
 */
export function accountsConfig({
  names,
  users,
  subscribers = [],
  otherUsers = [],
}: AccountsOptions): string {
  const guests = [
    ...users.flatMap((user) => auditorIn(user, names)),
    ...subscribers.map((subscriber) => guestOf(subscriber, names)),
  ];
  const own = users.flatMap((user) => userIn(user, names));
  const accounts = [
    block(servicesAccount, [
      "jetstream: enabled",
      list("users", [...own, ...otherUsers]),
      list("exports", exportsTo(guests)),
    ]),
    ...guests.map(guestAccount),
    `${systemAccount} {}`,
  ];
  return [
    block("accounts", accounts),
    `system_account: ${systemAccount}`,
    `authorization { timeout: ${loginWithinS} }\n`,
  ].join("\n");
}

/**
 * What a subscriber needs in the configuration of a server that somebody else looks after: exports of the services'
 * account, and an account. An export that is there already gets the account into its `accounts`.
 */
export function subscriberConfig(
  subscriber: Subscriber,
  names: Names,
): { exports: string; account: string } {
  const guest = guestOf(subscriber, names);
  return {
    exports: exportsTo([guest]).join("\n"),
    account: guestAccount(guest),
  };
}

const guestOf = (subscriber: Subscriber, names: Names): Guest => ({
  account: accountOf(subscriber),
  publicKey: subscriber.publicKey,
  access: accessOf(subscriber, names),
});

const systemAccount = "SYS";

type User = AccountsOptions["users"][number];

const auditorIn = ({ role, publicKey }: User, names: Names): Guest[] =>
  role === "auditor"
    ? [{ account: auditorAccount, publicKey, access: auditorAccess(names) }]
    : [];

function userIn({ role, publicKey }: User, names: Names): string[] {
  if (role === "auditor") return [];
  const { publish, subscribe } = permissionsOf(role, names);
  const permissions = [
    `publish: { ${list("allow", publish.map(quoted))} }`,
    `subscribe: { ${list("allow", subscribe.map(quoted))} }`,
  ];
  return [
    `{ nkey: ${publicKey}, permissions: {\n${indented(permissions)}\n} }`,
  ];
}

/** What several accounts use is exported once, to all of them: a second export of a subject would take the first's place. */
function exportsTo(guests: readonly Guest[]): string[] {
  const accountsOf = new Map<string, Set<string>>();
  for (const { account, access } of guests)
    for (const one of access) {
      const text = exportOf(one);
      accountsOf.set(text, (accountsOf.get(text) ?? new Set()).add(account));
    }
  return [...accountsOf].map(
    ([text, accounts]) =>
      `{ ${text}, accounts: [${[...accounts].join(", ")}] }`,
  );
}

function exportOf(access: Access): string {
  const { kind, subject } = access;
  const one = `${kind}: ${quoted(subject)}`;
  if (kind === "stream") return one;
  const { many, answeredWithinS: seconds } = access;
  const until = seconds && `, response_threshold: "${seconds}s"`;
  return one + (many ? ", response: stream" : "") + (until ?? "");
}

/** Its user needs no permissions: the account has nothing but its imports. */
const guestAccount = ({ account, publicKey, access }: Guest): string =>
  block(account, [
    `users: [{ nkey: ${publicKey} }]`,
    list("imports", access.map(importOf)),
  ]);

function importOf(access: Access): string {
  const { kind, subject } = access;
  const as = kind === "service" ? (access.as ?? subject) : subject;
  const from = `{ account: ${servicesAccount}, subject: ${quoted(subject)} }`;
  return `{ ${kind}: ${from}${as === subject ? "" : `, to: ${quoted(as)}`} }`;
}

/** A `$` that is not quoted would name a variable. */
const quoted = (subject: string): string => JSON.stringify(subject);

const block = (name: string, lines: readonly string[]): string =>
  `${name} {\n${indented(lines)}\n}`;

const list = (name: string, lines: readonly string[]): string =>
  lines.length === 0 ? `${name}: []` : `${name}: [\n${indented(lines)}\n]`;

const indented = (lines: readonly string[]): string =>
  lines.join("\n").replaceAll(/^(?=.)/gm, "  ");

/** Subscribers as people read them. The types are what --json prints. */
import type { Paint } from "./paint.ts";

export interface Added {
  name: string;
  account: string;
  public_key: string;
  /** The file with its seed: all that it needs to get in. */
  nkey_file: string;
  nats_url: string;
  stream: string;
  durable: string;
  /** What its programs take for the prefix of the JetStream API. */
  api_prefix: string;
  /** Subjects that it hears live. */
  feed: string[];
  /** Subjects that its durable consumer delivers. */
  filters: string[];
  text: boolean;
  /** Its durable consumer begins with what was stored at this time; null: with what is stored from now on. */
  from: string | null;
  /** Subjects by which it submits tasks as its owner. */
  api: string[];
}

export interface Listed {
  name: string;
  /** Whether it has a durable consumer; what is null then is not known. */
  durable: boolean;
  /** Whether it is let in; null where this system does not configure the broker. */
  account: boolean | null;
  filters: string[];
  text: boolean | null;
  /** Events that it was not yet given. */
  pending: number | null;
  /** Events that it was given and has not acknowledged. */
  in_hand: number | null;
  /** Events that the log dropped before it was given them, at the least; null also where it has a filter. */
  missed: number | null;
  /** A program of it waits for events. */
  connected: boolean | null;
}

export interface Removed {
  name: string;
  account: string;
  /** False where somebody else configures the broker. */
  shut_out: boolean;
}

export function describeAdded(
  added: Added,
  config: { exports: string; account: string } | undefined,
  paint: Paint,
): string {
  const { name, nkey_file, nats_url, stream, durable, text, api } = added;
  const row = (title: string, value: string) =>
    `  ${paint("dim", title.padEnd(12))}${value}`;
  const from = added.from === null ? "from now on" : `since ${added.from}`;
  return [
    `${paint("bold", name)} may read${config ? ", once the broker is configured" : ""}`,
    row("credentials", nkey_file),
    row("public key", added.public_key),
    row("events", `${added.filters.join(", ")}, ${from}`),
    row("texts", text ? "yes" : "no: headers alone"),
    row("live feed", added.feed.join(", ")),
    row("consumer", `${durable} of ${stream}, by ${added.api_prefix}`),
    ...(api.length > 0 ? [row("submits by", api.join(", "))] : []),
    "",
    ...(config ? instructions(added, config) : []),
    "A first program:",
    "",
    `  export NATS_URL=${nats_url} NATS_NKEY_FILE=${quote(nkey_file)}`,
    `  node scripts/with-node.mjs examples/subscribe/durable.ts ${name}`,
    "",
  ].join("\n");
}

/** For a shell, where it needs that. */
const quote = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

const instructions = (
  { account }: Added,
  config: { exports: string; account: string },
): string[] => [
  "Put this into the exports of the services' account, in the configuration of every server. Where an export of a subject",
  `is there already, add ${account} to its accounts:`,
  "",
  config.exports,
  "",
  "And this into its accounts:",
  "",
  config.account,
  "",
  "Then reload each server twice (nats-server --signal reload): it sets the imports of a new account up at the second one.",
  "",
];

export function tableOf(rows: readonly Listed[], paint: Paint): string {
  if (rows.length === 0) return "there are no subscribers\n";
  const number = (n: number | null) => n?.toLocaleString("en") ?? "-";
  const head = [
    ...["name", "waiting", "in hand", "missed"],
    ...["state", "texts", "events"],
  ];
  const cells = rows.map((row) => [
    row.name,
    number(row.pending),
    number(row.in_hand),
    number(row.missed),
    stateOf(row),
    row.text === null ? "-" : row.text ? "yes" : "no",
    row.filters.join(", "),
  ]);
  const widths = head.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return `${[paint("dim", line(head)), ...cells.map(line)].join("\n")}\n`;
}

function stateOf({ durable, account, connected }: Listed): string {
  if (!durable) return "no consumer";
  if (account === false) return "no account";
  return connected === true ? "reads" : "away";
}

export const describeRemoved = ({ name, account, shut_out }: Removed) =>
  shut_out
    ? `${name} is shut out, and its consumer is removed\n`
    : `The consumer of ${name} is removed. Take ${account} out of the configuration of every server, and reload them: until then its\ncredentials let it in to the live feed.\n`;

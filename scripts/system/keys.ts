import { duration } from "@jetscribe/runtime/config";
import type { CreatedKeyResponse, KeyListResponse } from "@jetscribe/schema";
import { parseArgs } from "node:util";
import {
  bold,
  dim,
  fail,
  printable,
  say,
  UserError,
} from "../install/print.mjs";
import { findSystem } from "./callSystem.ts";

/** `npm run keys -- add|list|revoke`: the API keys of the running system, by its own REST interface. */

const usage = `npm run keys -- add NAME [--scopes generate,read,…] [--expires-in 30d] [--requests-per-minute N]
                        [--tokens-per-day N] [--max-tasks N] [--rotate]
       npm run keys -- list
       npm run keys -- revoke ID
       each with [--url URL] [--key KEY]: another system than the one that runs here`;

await main().catch(fail);

async function main() {
  const { values, positionals } = readOptions();
  const [command, subject, ...more] = positionals;
  const takes = { add: 2, list: 1, revoke: 2 }[command ?? ""];
  if (takes !== positionals.length || more.length > 0)
    throw new UserError(`usage: ${usage}`);
  const call = findSystem(values);
  if (command === "add") {
    const body = { name: subject, ...settingsOf(values) };
    const made = (await call(
      "POST",
      "/admin/keys",
      body,
    )) as CreatedKeyResponse;
    say(`${dim("key")} ${bold(made.key)}`);
    say(dim(`id  ${made.id}. The key is not shown again.`));
  } else if (command === "list") {
    const { keys } = (await call("GET", "/admin/keys")) as KeyListResponse;
    for (const line of table(keys)) say(line);
  } else {
    await call("DELETE", `/admin/keys/${encodeURIComponent(subject ?? "")}`);
    say("revoked");
  }
}

type Options = ReturnType<typeof readOptions>["values"];

function readOptions() {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        ...{ url: text, key: text, scopes: text, "expires-in": text },
        "requests-per-minute": text,
        "tokens-per-day": text,
        "max-tasks": text,
        rotate: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message}\nusage: ${usage}`);
  }
}

/** As the request wants them: the gateway says what is wrong with a value. */
function settingsOf(values: Options) {
  const limits = Object.entries({
    requests_per_minute: values["requests-per-minute"],
    tokens_per_day: values["tokens-per-day"],
    max_tasks: values["max-tasks"],
  }).flatMap(([name, n]) => (n === undefined ? [] : [[name, Number(n)]]));
  const { scopes, rotate } = values;
  const lifetime = values["expires-in"];
  return {
    ...(scopes !== undefined && { scopes: scopes.split(",") }),
    ...(lifetime !== undefined && { expires_in: secondsOf(lifetime) }),
    ...(limits.length > 0 && {
      limits: Object.fromEntries(limits) as Record<string, number>,
    }),
    ...(rotate && { rotate }),
  };
}

function secondsOf(text: string): number {
  const { data, success } = duration().safeParse(text);
  if (!success)
    throw new UserError(`--expires-in ${text}: expected 90s, 30m, 12h or 30d`);
  return Math.round(data / 1_000);
}

/** One line for each key; what has ended stands last. */
function table(keys: KeyListResponse["keys"]): string[] {
  const date = (at: number | null) =>
    at === null ? "-" : new Date(at * 1_000).toISOString().slice(0, 16);
  const rows = keys
    .toSorted(
      (a, b) => Number(a.status !== "active") - Number(b.status !== "active"),
    )
    .map((key) => [
      ...[key.id, key.name, key.status, key.scopes.join(",")],
      ...[date(key.created_at), date(key.expires_at), date(key.last_used_at)],
    ]);
  const head = [
    "id",
    "name",
    "state",
    "scopes",
    "made",
    "expires",
    "last used",
  ];
  const all = [head, ...rows].map((row) => row.map((cell) => printable(cell)));
  const widths = head.map((_, i) =>
    Math.max(...all.map((row) => row[i]?.length ?? 0)),
  );
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** `jetscribe keys`: makes, lists, changes and revokes API keys, by the gateway's REST interface. */
import type {
  CreatedKeyResponse,
  KeyListResponse,
  KeyResponse,
} from "@jetscribe/schema";
import type { Context } from "../context.ts";
import { failed, usageError } from "../exit.ts";
import { joinGateway, type CallGateway } from "../joinGateway.ts";
import { changeBody, createBody, type KeyOptions } from "../keyBodies.ts";
import { parseTime } from "../options.ts";
import { plain } from "../show/paint.ts";
import { table } from "../show/table.ts";

interface OutputOptions {
  json?: boolean;
}

export type AddKeyOptions = KeyOptions & OutputOptions & { rotate?: boolean };
export type ChangeKeyOptions = KeyOptions & OutputOptions;
export type ListKeysOptions = OutputOptions & { at?: string };
export type RevokeKeyOptions = OutputOptions;

/** Prints the key itself, which no other call ever tells. */
export async function addKey(
  name: string,
  { json, ...options }: AddKeyOptions,
  context: Context,
): Promise<void> {
  const body = createBody(name, options, Date.now());
  const call = joinGateway(context);
  const made = await call<CreatedKeyResponse>("POST", path, { body });
  const { out, paint } = context;
  if (json) return out.write(jsonOf(made));
  await out.write(
    `${paint("dim", "key")} ${paint("bold", plain(made.key))}\n` +
      `${paint("dim", `id  ${plain(made.id)}. The key is not shown again.`)}\n`,
  );
}

/** Those that work stand first. */
export async function listKeys(
  { json, at }: ListKeysOptions,
  context: Context,
): Promise<void> {
  const query =
    at === undefined ? "" : `?time=${parseTime("--at", at, Date.now())}`;
  const call = joinGateway(context);
  const listed = await call<KeyListResponse>("GET", path + query);
  if (json) return context.out.write(jsonOf(listed));
  const ended = ({ status }: KeyResponse) => Number(status !== "active");
  const keys = listed.keys.toSorted((a, b) => ended(a) - ended(b));
  await context.out.write(rowsOf(keys));
}

export async function changeKey(
  id: string,
  { json, ...options }: ChangeKeyOptions,
  context: Context,
): Promise<void> {
  const target = pathOf(id);
  // What is wrong with the options is told before anything is asked.
  changeBody(options, {}, Date.now());
  const call = joinGateway(context);
  const { limits } = await findKey(call, id);
  const body = changeBody(options, limits ?? {}, Date.now());
  const changed = await call<KeyResponse>("PATCH", target, { body });
  await context.out.write(json ? jsonOf(changed) : rowsOf([changed]));
}

export async function revokeKey(
  id: string,
  { json }: RevokeKeyOptions,
  context: Context,
): Promise<void> {
  const target = pathOf(id);
  const call = joinGateway(context);
  const revoked = await call<KeyResponse>("DELETE", target);
  await context.out.write(json ? jsonOf(revoked) : "revoked\n");
}

const path = "/admin/keys";

/** A key in the place of its id would stand in the gateway's records of calls. */
function pathOf(id: string): string {
  if (!id.startsWith("jsk_")) return `${path}/${encodeURIComponent(id)}`;
  throw usageError("expected the key's id, which jetscribe keys list tells");
}

async function findKey(call: CallGateway, id: string): Promise<KeyResponse> {
  const { keys } = await call<KeyListResponse>("GET", path);
  const found = keys.find((key) => key.id === id);
  if (found !== undefined) return found;
  throw failed(`there is no key ${plain(id)}`);
}

const jsonOf = (answer: object): string => `${JSON.stringify(answer)}\n`;

const rowsOf = (keys: readonly KeyResponse[]): string =>
  table(
    [
      ...["id", "name", "state", "scopes", "limits"],
      ...["made", "expires", "last used", "webhook"],
    ],
    keys.map((key) => [
      ...[key.id, key.name, key.status, key.scopes.join(",")],
      ...[limitsOf(key), date(key.created_at)],
      ...[date(key.expires_at), date(key.last_used_at), webhookOf(key)],
    ]),
  );

const limitsOf = ({ limits = {} }: KeyResponse): string =>
  Object.entries(limits)
    .map(([name, n]) => `${name}=${n}`)
    .join(",") || "-";

const webhookOf = ({ webhook }: KeyResponse): string =>
  webhook === undefined
    ? "-"
    : [webhook.url, ...(webhook.events ? [webhook.events.join(",")] : [])].join(
        " ",
      );

const date = (at: number | null): string =>
  at === null ? "-" : new Date(at * 1_000).toISOString().slice(0, 16);

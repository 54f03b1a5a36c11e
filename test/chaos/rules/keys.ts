/**
 * Keys that are made and ended while the system runs. A key that has ended is refused by every gateway within a second, a
 * key that was made works as soon, and what a key holds ends with it. The second is one in which the gateway and the
 * broker can talk: a time in which either of them is away, and some seconds after it, do not count.
 */
import { hash } from "node:crypto";
import type { Evidence } from "../evidence.ts";
import { quietTime, type Entry } from "../journal.ts";
import type { LoggedEvent } from "../readLog.ts";
import {
  endOf,
  worksUntil,
  type KeyCall,
  type KeysSeen,
  type Roll,
  type Tenant,
} from "../tenant.ts";
import { isBroker } from "./excuses.ts";

/** The promised second, and as much as a busy machine may take for an answer. */
const withinMs = 4_000;
/** A gateway connects again, and reads all keys again. */
const backAfterMs = 5_000;
/** Between the broker's clock, by which keys expire, and that of the machine: they are the same here. */
const clockSlackMs = 100;

export function checkKeys({
  keys,
  keyLog = [],
  journal,
  gateways = [],
}: Evidence): string[] {
  if (keys === undefined) return [];
  const nameOf = (url: string) => gateways.find((one) => one.url === url)?.name;
  const calls = keys.tenants.flatMap((tenant) =>
    tenant.calls.flatMap((one) => {
      const mute = awayTimes(journal, nameOf(one.url) ?? "");
      return checkCall(tenant, one, mute);
    }),
  );
  return [
    ...calls,
    ...checkStream(keys, keyLog),
    ...checkNames(keys, keyLog),
    ...keys.rolls.flatMap((roll) => checkRoll(roll, keys, keyLog)),
  ];
}

/** When a gateway may hear nothing of keys. A clock that is wrong is no reason. */
const awayTimes = (journal: readonly Entry[], gateway: string): Entry[] =>
  journal
    .filter((entry) => isBroker(entry) || entry.target === gateway)
    .filter(({ fault }) => !fault.startsWith("step-clock"))
    .map((entry) => ({ ...entry, to: (entry.to ?? Infinity) + backAfterMs }));

function checkCall(
  tenant: Tenant,
  { what, status, from, to, url }: KeyCall,
  away: readonly Entry[],
): string[] {
  if (status === 0 || status === 503) return [];
  const { name } = tenant;
  const told = `${name}: a ${what} at ${url}`;
  const end = endOf(tenant);
  // A stream and a wait end with the key; any other call is as old as its beginning.
  const seenAt = what === "probe" ? from : to;
  const late = quietTime(end, seenAt, away);
  if (end < seenAt && late > withinMs && status !== 401)
    return [`${told} got ${status} ${late} ms after its key had ended`];
  const early = quietTime(tenant.madeAt, from, away);
  const works = to < worksUntil(tenant) - clockSlackMs && early > withinMs;
  return status === 401 && works
    ? [`${told} got 401 ${early} ms after its key was made`]
    : [];
}

const idsOf = (keyLog: readonly LoggedEvent[], word: string) =>
  new Set(keyLog.filter((one) => one.word === word).map((one) => one.taskId));

/** Every record of a key is there, and is that of the key. */
function checkStream(
  { tenants }: KeysSeen,
  keyLog: readonly LoggedEvent[],
): string[] {
  const revoked = idsOf(keyLog, "revoked");
  return tenants.flatMap((tenant) => {
    const { name, id, key, limits, expiresAt, revokedAt, revokedFrom } = tenant;
    const created = keyLog.filter(
      (one) => one.word === "created" && one.taskId === id,
    );
    const [first] = created;
    const data = first?.data ?? {};
    const found = [
      data["name"],
      data["digest"],
      JSON.stringify(data["limits"]),
    ];
    const wanted = [name, hash("sha256", key), JSON.stringify(limits)];
    const expires = Number(data["expires_at"] ?? NaN) * 1_000;
    return [
      ...(created.length === 1 && found.join() === wanted.join()
        ? []
        : [
            `${name}: KEYS has ${created.length} records of it: ${found.join()}`,
          ]),
      ...(JSON.stringify(data).includes(key)
        ? [`${name}: KEYS has the key itself`]
        : []),
      ...(Math.abs(expires - (expiresAt ?? NaN)) > 1
        ? [`${name}: KEYS has another expiry`]
        : []),
      ...(revokedAt !== undefined && !revoked.has(id)
        ? [`${name}: revoked, and KEYS has no record of that`]
        : []),
      ...(revokedFrom === undefined && revoked.has(id)
        ? [`${name}: nobody revoked it, and KEYS says so`]
        : []),
    ];
  });
}

/** Of calls for one name at once one is granted; a key that nobody knows came of a call that was not answered. */
function checkNames(
  { creations }: KeysSeen,
  keyLog: readonly LoggedEvent[],
): string[] {
  const created = keyLog.filter(({ word }) => word === "created");
  const byName = Map.groupBy(creations, ({ name }) => name);
  const unknown = created
    .filter(({ data }) => !byName.has(String(data["name"])))
    .map(
      ({ data }) => `${String(data["name"])}: KEYS has it, and nobody made it`,
    );
  return [
    ...unknown,
    ...[...byName].flatMap(([name, all]) => {
      const asked = all.filter(({ rotates }) => rotates !== true);
      const made = asked.filter(({ answer }) => answer.status === 201).length;
      const stored = created.filter(({ data }) => data["name"] === name).length;
      const heirs = all.length - asked.length;
      const odd = all.filter(({ answer, rotates }) => {
        const wanted =
          rotates === true || made + stored === 0 ? [201] : [201, 409];
        return ![0, 503, ...wanted].includes(answer.status);
      });
      return [
        ...(made > 1 || stored > 1 + heirs
          ? [`${name}: ${made} keys were made of one name, KEYS has ${stored}`]
          : []),
        ...odd.map(
          ({ answer }) => `${name}: a call for it got ${answer.status}`,
        ),
      ];
    }),
  ];
}

/** In the end each gateway knows every key, and lets in those that have not ended. */
function checkRoll(
  { when, url, keys: { status, body }, standings, at }: Roll,
  { tenants }: KeysSeen,
  keyLog: readonly LoggedEvent[],
): string[] {
  if (status !== 200)
    return [`${when}: ${url} answered ${status} to GET /admin/keys`];
  const listed = (body["keys"] as Record<string, unknown>[]).filter(
    ({ source }) => source === "api",
  );
  const revoked = idsOf(keyLog, "revoked");
  const known = new Map(
    listed.map((one) => [String(one["id"]), one["status"]]),
  );
  const before = keyLog.filter(
    ({ word, time }) => word === "created" && time < at,
  );
  const missing = before.filter(({ taskId }) => !known.has(taskId));
  const wrong = tenants.flatMap((tenant) => {
    const { name, id } = tenant;
    const isOver = revoked.has(id) || endOf(tenant) < at - clockSlackMs;
    const word = revoked.has(id) ? "revoked" : isOver ? "expired" : "active";
    const right = isOver
      ? [401]
      : [200, ...(tenant.kind === "rate" ? [429] : [])];
    const got = standings.get(name)?.status ?? NaN;
    return [
      ...(known.get(id) === word
        ? []
        : [`${when}: ${url} says that ${name} is ${String(known.get(id))}`]),
      ...(right.includes(got)
        ? []
        : [`${when}: ${name}, which is ${word}, got ${got} of ${url}`]),
    ];
  });
  return [
    ...missing.map(
      ({ taskId }) => `${when}: ${url} does not know the key ${taskId}`,
    ),
    ...wrong,
  ];
}

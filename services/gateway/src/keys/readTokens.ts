/**
 * Tokens by which a browser reads without an API key: one task, or as a link the dashboard. A token is a JWT that every
 * gateway with the same `API_KEYS` can check, and works only while the key that made it works: decisions 0031 and 0048.
 */
import type { Scope } from "@jetscribe/schema";
import { jwtVerify, SignJWT } from "jose";
import { scrypt } from "node:crypto";
import { promisify } from "node:util";
import { seesAllOwners, type ApiKey } from "./apiKeys.ts";
import type { KeyRing } from "./keyRing.ts";

export type ReadTokens = ReturnType<typeof makeReadTokens>;

const algorithm = "HS256";
const readScopes = ["read", "read:text"] as const satisfies Scope[];
/** The subject of a link. That of another token is the id of its task. */
const dashboard = "dashboard";

interface Claims {
  /** The id of the key that made it. */
  key: string;
  /** What it may read, by scopes with spaces between. */
  scope: string;
  /** Of a link: absent is false. */
  all_owners?: boolean;
}

/** What a link shows besides its key's own tasks. */
export interface LinkRights {
  text: boolean;
  all_owners: boolean;
}

/** `nowS`: seconds since the epoch, by the broker's clock. */
export function makeReadTokens(
  fromSettings: readonly ApiKey[],
  ring: Pick<KeyRing, "withId">,
  nowS: () => number,
) {
  let secret: Promise<Uint8Array> | undefined;
  const secretOf = () => (secret ??= deriveSecret(fromSettings));

  const signed = async (subject: string, expiresAt: number, claims: Claims) =>
    await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: algorithm })
      .setSubject(subject)
      .setExpirationTime(expiresAt)
      .sign(await secretOf());

  /**
   * What a token says, and the key that made it, with no more than the token's scopes and time. Undefined: it is no token,
   * or of another subject, or it or its key works no more.
   */
  async function read(token: string, subject: string) {
    const options = {
      ...{ algorithms: [algorithm], subject, requiredClaims: ["exp"] },
      currentDate: new Date(nowS() * 1_000),
    };
    const verified = await jwtVerify<Claims>(
      token,
      await secretOf(),
      options,
    ).catch(() => undefined);
    const maker = ring.withId(verified?.payload.key ?? "");
    if (verified === undefined || maker === undefined) return undefined;
    const { scope, exp, all_owners = false } = verified.payload;
    const granted = new Set<string>(scope.split(" "));
    const scopes = readScopes.filter(
      (scope) => granted.has(scope) && maker.scopes.has(scope),
    );
    const token_expires_at = exp ?? 0;
    const key: ApiKey = { ...maker, scopes: new Set(scopes), token_expires_at };
    return { key, maker, all_owners };
  }

  return {
    /** A token of the key's own right to read the task. `expiresAt`: whole seconds since the epoch. */
    sign(taskId: string, key: ApiKey, expiresAt: number): Promise<string> {
      const scopes = readScopes.filter((scope) => key.scopes.has(scope));
      const scope = scopes.join(" ");
      return signed(taskId, expiresAt, { key: key.id, scope });
    },
    /** The token of a link. It gives nothing that the key has not, whatever the rights say. `expiresAt` likewise. */
    signLink: (
      { id }: Pick<ApiKey, "id">,
      { text, all_owners }: LinkRights,
      expiresAt: number,
    ): Promise<string> =>
      signed(dashboard, expiresAt, {
        ...{ key: id, scope: text ? "read read:text" : "read" },
        ...(all_owners && { all_owners }),
      }),
    /** As `read` says, of a token of this task. A link is none, also where a path has its subject in the place of an id. */
    keyOf: async (
      token: string,
      taskId: string,
    ): Promise<ApiKey | undefined> =>
      taskId === dashboard ? undefined : (await read(token, taskId))?.key,
    /** As `read` says, of a link. It does not work either where its key may read no more, or sees every owner's tasks no more. */
    keyOfLink: async (token: string): Promise<ApiKey | undefined> => {
      const found = await read(token, dashboard);
      if (found === undefined) return undefined;
      const { key, maker, all_owners } = found;
      if (!key.scopes.has("read")) return undefined;
      if (all_owners && !seesAllOwners(maker)) return undefined;
      return { ...key, link: { all_owners } };
    },
  };
}

/**
 * The secret of all gateways that have the same `API_KEYS`, in whatever order. Slow on purpose: whoever has a token could
 * otherwise try guesses of a weak key by it.
 */
async function deriveSecret(keys: readonly ApiKey[]): Promise<Uint8Array> {
  const digests = keys.map(({ digest }) => digest).toSorted();
  const password = digests.join(" ");
  const derive = promisify<string, string, number, Buffer>(scrypt);
  return await derive(password, "jetscribe read tokens", 32);
}

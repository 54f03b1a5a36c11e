/**
 * Tokens by which a browser reads one task, without an API key. A token is a JWT that every gateway with the same
 * `API_KEYS` can check, and works only while the key that made it works: decision 0031.
 */
import type { Scope } from "@jetscribe/schema";
import { jwtVerify, SignJWT } from "jose";
import { scrypt } from "node:crypto";
import { promisify } from "node:util";
import type { ApiKey } from "./apiKeys.ts";
import type { KeyRing } from "./keyRing.ts";

export type ReadTokens = ReturnType<typeof makeReadTokens>;

const algorithm = "HS256";
const readScopes = ["read", "read:text"] as const satisfies Scope[];

/** `nowS`: seconds since the epoch, by the broker's clock. */
export function makeReadTokens(
  fromSettings: readonly ApiKey[],
  ring: Pick<KeyRing, "withId">,
  nowS: () => number,
) {
  let secret: Promise<Uint8Array> | undefined;
  const secretOf = () => (secret ??= deriveSecret(fromSettings));

  return {
    /** A token of the key's own right to read the task. `expiresAt`: whole seconds since the epoch. */
    async sign(
      taskId: string,
      key: ApiKey,
      expiresAt: number,
    ): Promise<string> {
      const scopes = readScopes.filter((scope) => key.scopes.has(scope));
      return await new SignJWT({ key: key.id, scope: scopes.join(" ") })
        .setProtectedHeader({ alg: algorithm })
        .setSubject(taskId)
        .setExpirationTime(expiresAt)
        .sign(await secretOf());
    },
    /**
     * The key that made a token, with no more than the token's scopes and time. Undefined: it is no token, or of another task, or
     * it or its key works no more.
     */
    keyOf: async (
      token: string,
      taskId: string,
    ): Promise<ApiKey | undefined> => {
      const options = {
        algorithms: [algorithm],
        subject: taskId,
        currentDate: new Date(nowS() * 1_000),
        requiredClaims: ["exp"],
      };
      const read = await jwtVerify<{ key: string; scope: string }>(
        token,
        await secretOf(),
        options,
      ).catch(() => undefined);
      const key = read && ring.withId(read.payload.key);
      if (key === undefined) return undefined;
      const granted = new Set<string>(read?.payload.scope.split(" "));
      const scopes = readScopes.filter(
        (scope) => granted.has(scope) && key.scopes.has(scope),
      );
      const token_expires_at = read?.payload.exp ?? 0;
      return { ...key, scopes: new Set(scopes), token_expires_at };
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

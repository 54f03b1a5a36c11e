/**
 * What webhooks are signed with. Every owner has a secret of their own, which is stored nowhere: it follows from a master
 * secret, which the gateway and the webhooks service share, and from the owner's slug. Decision 0054.
 */
import { hkdfSync, randomBytes, randomUUID } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { setting } from "./config.ts";
import { readIfThere } from "./writePrivate.ts";

const shortestMaster = 32;

const masters = setting<string[], string>(
  `secrets of ${shortestMaster} characters or more with commas, the newest first`,
  (text) => {
    const all = text.split(",").map((secret) => secret.trim());
    return all.every((secret) => secret.length >= shortestMaster)
      ? all
      : undefined;
  },
);

/** Settings of whoever has to know the secrets. */
export const WebhookSecretSettings = z.object({
  /** The master secrets, the newest first: with the others it is signed too. Absent: that of a file in DATA_DIR. */
  WEBHOOK_SECRETS: masters().optional(),
  DATA_DIR: z.string().default(".data"),
});
export type WebhookSecretSettings = z.infer<typeof WebhookSecretSettings>;

/** An owner's secrets, each of 32 bytes, the newest first. `owner`: the slug. */
export type SecretsOf = (owner: string) => Buffer[];

/** Makes the file where it is missing. Throws where it can't be read or made. */
export function makeSecretsOf({
  WEBHOOK_SECRETS: given,
  DATA_DIR: dataDir,
}: WebhookSecretSettings): SecretsOf {
  const all = given ?? masters().parse(ownSecrets(dataDir));
  return (owner) =>
    all.map((master) =>
      Buffer.from(
        hkdfSync("sha256", master, "", `jetscribe webhook ${owner}`, 32),
      ),
    );
}

/** As receivers have it: `whsec_` and base64, by Standard Webhooks. */
export const secretText = (secret: Buffer): string =>
  `whsec_${secret.toString("base64")}`;

/** In a folder of its own: in containers that is a volume. Of several processes that come first at the same time, one makes the file, and all read it. */
function ownSecrets(dataDir: string): string {
  const folder = join(dataDir, "webhooks");
  const file = join(folder, "secrets");
  const found = readIfThere(file);
  if (found !== undefined) return found;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const made = `${file}.${randomUUID()}`;
  writeFileSync(made, `${randomBytes(32).toString("base64url")}\n`, {
    mode: 0o600,
  });
  try {
    // Whole or not at all, and never over another one's.
    linkSync(made, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(made, { force: true });
  }
  return readFileSync(file, "utf8");
}

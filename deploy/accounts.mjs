import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  seedFileOf,
  writeAccounts,
} from "../packages/runtime/src/ownAccounts.ts";
import {
  readIfThere,
  writePrivate,
} from "../packages/runtime/src/writePrivate.ts";
import { makeNames } from "../packages/schema/src/index.ts";

/**
 * Runs before everything else in containers, once at each `up`: makes the users of the broker where they are missing, and
 * writes the accounts that nats-server reads. Each folder of KEYS_DIR is a volume that the service of that name alone sees
 * besides: it gets the seed of this user, and may be read by whomever that container runs as.
 */
const dataDir = process.env.DATA_DIR ?? "/data";
const keysDir = process.env.KEYS_DIR ?? "/keys";

const folders = readdirSync(keysDir).map((role) => join(keysDir, role));
for (const folder of folders)
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    console.error(
      `${folder} can't be written: its volume belongs to another user, as one that was made before the image had this folder. Remove the volume; the next up makes it anew`,
    );
    process.exit(1);
  }
writeAccounts(dataDir, makeNames(process.env.NAMESPACE || undefined));
for (const role of readdirSync(keysDir)) {
  const file = join(keysDir, role, "seed.nk");
  const seed = readFileSync(seedFileOf(dataDir, role), "utf8");
  if (readIfThere(file) !== seed) writePrivate(file, seed, 0o644);
}

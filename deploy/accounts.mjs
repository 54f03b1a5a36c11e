import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  seedFileOf,
  writeAccounts,
} from "../packages/runtime/src/ownAccounts.ts";
import { makeNames } from "../packages/schema/src/index.ts";

/**
 * Runs before everything else in containers, once at each `up`: makes the users of the broker where they are missing, and
 * writes the accounts that nats-server reads. Each folder of KEYS_DIR is a volume that the service of that name alone sees
 * besides: it gets the seed of this user, and may be read by whomever that container runs as.
 */
const dataDir = process.env.DATA_DIR ?? "/data";
const keysDir = process.env.KEYS_DIR ?? "/keys";

writeAccounts(dataDir, makeNames(process.env.NAMESPACE || undefined));
for (const role of readdirSync(keysDir))
  writeFileSync(
    join(keysDir, role, "seed.nk"),
    readFileSync(seedFileOf(dataDir, role)),
    { mode: 0o644 },
  );

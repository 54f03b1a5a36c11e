import { runOperatorProgram } from "./runOperatorProgram.ts";

/** `npm run redis:remove-unprefixed [-- --yes]`: removes the keys that a version without REDIS_PREFIX left in Redis. */
await runOperatorProgram(
  "services/results/src/unprefixed/main.ts",
  "REDIS_URL",
  "Redis",
);

import { runOperatorProgram } from "./runOperatorProgram.ts";

/** `npm run streams -- plan|apply [--yes]`: how the streams stand to the settings, and what a change would cost. */
await runOperatorProgram(
  "packages/runtime/src/streams/main.ts",
  "NATS_URL",
  "the broker",
);

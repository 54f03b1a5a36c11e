import { joinBroker, readConfig, runService } from "@jetscribe/runtime";
import { accessSync, constants, mkdirSync } from "node:fs";
import { Config } from "./config.ts";
import { keepLogFiles } from "./lead.ts";

await runService(
  "logger",
  async (context) => {
    const { env, stack, stopping, log, fail } = context;
    const config = readConfig(Config, env);
    // A folder that can't be written is a start-up error; what happens to it later is waited out.
    mkdirSync(config.LOG_DIR, { recursive: true });
    accessSync(config.LOG_DIR, constants.W_OK);
    const broker = await joinBroker("logger", config, context);
    const written = keepLogFiles(broker, config, log, stopping).catch(fail);
    stack.defer(() => written);
  },
  { env: process.env, hasTime: true },
);

import {
  joinBroker,
  joinMicro,
  readConfig,
  runService,
} from "@jetscribe/runtime";
import { Config } from "./config.ts";
import { keepLogFiles } from "./keepLogFiles.ts";

await runService(
  "logger",
  async (context) => {
    const { env, stack, stopping, fail, ...rest } = context;
    const config = readConfig(Config, env);
    const broker = await joinBroker("logger", config, context);
    const written = keepLogFiles(broker, config, rest, stopping).catch(fail);
    stack.defer(() => written);
    joinMicro("logger", broker, context, {
      description: "writes the log files",
    });
  },
  { env: process.env, hasTime: true },
);

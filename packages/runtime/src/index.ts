export {
  ConfigError,
  configExitCode,
  count,
  duration,
  flag,
  readConfig,
  setting,
  size,
  type Env,
} from "./config.ts";
export { BrokerSettings, joinBroker } from "./joinBroker.ts";
export { joinClock } from "./joinClock.ts";
export {
  runService,
  type ServiceContext,
  type ServiceOptions,
} from "./lifecycle.ts";
export {
  makeLogger,
  type Logger,
  type LogLevel,
  type LogSink,
} from "./logger.ts";
export { chooseModelName, modelNameOf } from "./modelName.ts";
export { RedisSettings } from "./redisSettings.ts";
export { connectWithinMs, runCommand, type Confirm } from "./runCommand.ts";

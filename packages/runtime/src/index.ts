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
export { brokerOf } from "./credentials.ts";
export {
  BrokerSettings,
  joinBroker,
  joinClock,
  topologyOf,
} from "./joinBroker.ts";
export { joinMicro } from "./joinMicro.ts";
export { runService, type ServiceContext } from "./lifecycle.ts";
export {
  makeLogger,
  type Logger,
  type LogLevel,
  type LogSink,
} from "./logger.ts";
export { chooseModelName, modelNameOf } from "./modelName.ts";
export * from "./tracing/taskSpans.ts";
export {
  makeTraceProjection,
  type TraceProjection,
} from "./tracing/traceProjection.ts";
export { RedisSettings } from "./serverUrl.ts";
export { connectWithinMs, runCommand, type Confirm } from "./runCommand.ts";

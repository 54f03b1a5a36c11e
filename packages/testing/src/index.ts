export { makeTestAccounts, type TestAccounts } from "./accounts.ts";
export {
  makeAnswerChecker,
  makeFindRoute,
  type ApiDocument,
  type ApiMedia,
  type ApiOperation,
  type Exchange,
} from "./answers/answerChecker.ts";
export { checkAnswersOf } from "./answers/watchAnswers.ts";
export {
  startNatsCluster,
  type ClusterOptions,
  type NatsCluster,
} from "./cluster.ts";
export { makeClockStep, type ClockStep } from "./clockStep.ts";
export { compileCache } from "../../../scripts/install/project.mjs";
export { eventually } from "./eventually.ts";
export * as gguf from "./gguf.ts";
export { freePort } from "./freePort.ts";
export { makeRandom, testRandom, testSeed, type Random } from "./random.ts";
export {
  callerAddress,
  publicPaths,
  startNgrokStandIn,
  type NgrokStandIn,
} from "./ngrokStandIn.ts";
export {
  startOtlpReceiver,
  type OtlpReceiver,
  type ReceivedSpan,
} from "./otlpReceiver.ts";
export {
  natsVersions,
  redisPrefix,
  startNats,
  startRedis,
  withNats,
  withRedis,
  type NatsOptions,
  type NatsVersion,
  type ServerOptions,
  type TestServer,
} from "./servers.ts";
export {
  startWebhookReceiver,
  webhookVerifier,
  type ReceivedWebhook,
  type WebhookAnswer,
  type WebhookReceiver,
} from "./webhookReceiver.ts";
export {
  stackServices,
  startStack,
  type Member,
  type Stack,
  type StackOptions,
} from "./stack.ts";

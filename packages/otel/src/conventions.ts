/**
 * The names that OpenTelemetry's semantic conventions have for what spans say, each of one version. A new version is a
 * change of this file.
 */

/** Of `messaging.*`, `http.*`, `url.*` and `error.*`. */
export const semconvVersion = "1.45.0";
export const schemaUrl = `https://opentelemetry.io/schemas/${semconvVersion}`;
/** Of `gen_ai.*`, which have a repository of their own since 1.41.0, and no schema URL yet. */
export const genAiVersion = "0.1.0";

export const attr = {
  errorType: "error.type",
  httpMethod: "http.request.method",
  httpRoute: "http.route",
  httpStatus: "http.response.status_code",
  urlScheme: "url.scheme",
  urlPath: "url.path",
  messagingSystem: "messaging.system.name",
  messagingOperation: "messaging.operation.name",
  messagingDestination: "messaging.destination.name",
  messagingConsumerGroup: "messaging.consumer.group.name",
  genAiOperation: "gen_ai.operation.name",
  genAiProvider: "gen_ai.provider.name",
  genAiRequestModel: "gen_ai.request.model",
  genAiMaxTokens: "gen_ai.request.max_tokens",
  genAiFinishReasons: "gen_ai.response.finish_reasons",
  genAiInputTokens: "gen_ai.usage.input_tokens",
  genAiOutputTokens: "gen_ai.usage.output_tokens",
  genAiCachedTokens: "gen_ai.usage.cache_read.input_tokens",
} as const;

/** What only this system has a name for. */
export const own = {
  taskId: "jetscribe.task.id",
  attempt: "jetscribe.attempt",
  attemptEnd: "jetscribe.attempt.end",
  workerId: "jetscribe.worker.id",
  eventType: "jetscribe.event.type",
} as const;

/** NATS has no well-known value. */
export const messagingSystem = "nats";
/** Nor has an engine of one's own. */
export const genAiProvider = "jetscribe";

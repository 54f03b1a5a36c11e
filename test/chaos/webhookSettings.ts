export const webhookTimeoutMs = 1_000;

/** Of the webhooks service: it gives up on an answer soon, and tries again soon. */
export const webhookSettings = {
  WEBHOOK_ALLOW_HTTP: "true",
  WEBHOOK_ALLOW_PRIVATE: "127.0.0.1",
  WEBHOOK_PORTS: "any",
  WEBHOOK_TIMEOUT: `${webhookTimeoutMs}ms`,
  WEBHOOK_RETRY_AFTER: "500ms",
};

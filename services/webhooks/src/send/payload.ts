/** Pure: what a webhook tells. It has no text of the task: whoever receives it asks for that with a key. */
import type { WebhookDelivery } from "@jetscribe/schema";

/** The same at every attempt. */
export const payloadOf = (delivery: WebhookDelivery): string => {
  const { task_id, status, model, owner, error_type, ended_at } = delivery;
  return JSON.stringify({
    type: `task.${status}`,
    timestamp: new Date(ended_at * 1_000).toISOString(),
    data: { task_id, status, model, owner, error_type },
  });
};

/** The call that makes such a task again, for a shell. The key is none of it: the shell has it as `$KEY`. */
import type { HistoryEvent } from "@jetscribe/schema";

type Requested = Extract<HistoryEvent, { type: "GenerateRequested" }>["data"];

/** Undefined where the prompt is not shown. */
export function curlOf(url: string, request: Requested): string | undefined {
  const { prompt, messages, raw, model, lane, params } = request;
  const { user_id, metadata, no_retry, not_before } = request;
  const { cancel_after_ms, result_ttl_ms } = request;
  const { group, group_concurrency, group_policy } = request;
  if (prompt === undefined && messages === undefined) return undefined;
  const body = {
    ...{ prompt, messages, raw, model, lane, user_id, metadata, ...params },
    ...{ no_retry, not_before, cancel_after_ms, result_ttl_ms },
    ...{ group, group_concurrency, group_policy },
  };
  const quoted = JSON.stringify(body).replaceAll("'", `'\\''`);
  return [
    `curl -s '${url}/generate' -H "X-API-Key: $KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d '${quoted}'`,
  ].join(" \\\n  ");
}

/** Pure: a body of OpenAI's API as the request that `POST /generate` would take. */
import type {
  ChatCompletionRequest,
  CompletionRequest,
  GenerateRequest,
} from "@jetscribe/schema";

/** The request of a chat. */
export function chatRequestOf(body: ChatCompletionRequest): GenerateRequest {
  const { max_completion_tokens, response_format } = body;
  const settings = settingsOf(body);
  return {
    ...settings,
    max_tokens: max_completion_tokens ?? settings.max_tokens,
    response_format,
    messages: body.messages.map(({ role, content }) => ({
      role: role === "developer" ? "system" : role,
      content,
    })),
    raw: false,
  };
}

/** The request of a text that is continued. */
export const completionRequestOf = (
  body: CompletionRequest,
): GenerateRequest => ({
  ...settingsOf(body),
  prompt: body.prompt,
  raw: true,
});

/** What the two have in common, by name: what is ignored of a body does not make it another request. */
const settingsOf = (body: ChatCompletionRequest | CompletionRequest) => ({
  model: body.model,
  max_tokens: body.max_tokens,
  temperature: body.temperature,
  top_p: body.top_p,
  top_k: body.top_k,
  min_p: body.min_p,
  repeat_penalty: body.repeat_penalty,
  presence_penalty: body.presence_penalty,
  frequency_penalty: body.frequency_penalty,
  seed: body.seed,
  stop: body.stop,
  logit_bias: body.logit_bias,
  ignore_eos: body.ignore_eos,
  timeout_ms: body.timeout_ms,
  start_timeout_ms: body.start_timeout_ms,
  lane: body.lane,
  no_retry: body.no_retry,
  user_id: body.user,
  metadata: body.metadata,
});

import type { GenerateParams } from "./params.ts";

/** The bytes of those parameters that can be long, as JSON; 0 where there are none. */
export function longParamsBytes(params: GenerateParams): number {
  const { stop, logit_bias, response_format } = params;
  if (!stop && !logit_bias && !response_format) return 0;
  const text = JSON.stringify([stop, logit_bias, response_format]);
  return new TextEncoder().encode(text).length;
}

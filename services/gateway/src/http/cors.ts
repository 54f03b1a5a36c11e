/** Pages of other origins that may call (CORS_ORIGINS). A browser asks first, without a key. */
import { fastifyCors } from "@fastify/cors";
import { rateHeaders } from "./openai/rateHeaders.ts";
import type { App } from "./appDeps.ts";

export type CorsOrigins = "*" | readonly string[];

/** Before all hooks that refuse, or a page could not read why. */
export async function allowOrigins(
  app: App,
  origins: CorsOrigins,
): Promise<void> {
  if (origins.length === 0) return;
  await app.register(fastifyCors, {
    origin: origins === "*" ? "*" : [...origins],
    methods: ["GET", "HEAD", "POST"],
    exposedHeaders: [
      "Idempotency-Replayed",
      "Link",
      "Location",
      "Preference-Applied",
      "RateLimit-Limit",
      "RateLimit-Remaining",
      "RateLimit-Reset",
      "Retry-After",
      ...Object.keys(rateHeaders),
      "X-Request-Id",
      "X-Should-Retry",
    ],
    maxAge: 600,
    // An OPTIONS that is no preflight is answered as one, and not with a text.
    strictPreflight: false,
  });
}

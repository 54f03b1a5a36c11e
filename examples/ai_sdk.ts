/**
 * Generate a text, whole and as a stream; by the AI SDK.
 *
 *     JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=… node scripts/with-node.mjs examples/ai_sdk.ts "a prompt"
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { randomUUID } from "node:crypto";

const {
  JETSCRIBE_URL: url = "http://127.0.0.1:8000",
  JETSCRIBE_KEY: apiKey = "",
  JETSCRIBE_MODEL: name = "demo",
} = process.env;
const [prompt = "Once upon a time"] = process.argv.slice(2);

const jetscribe = createOpenAICompatible({
  name: "jetscribe",
  baseURL: `${url}/v1`,
  apiKey,
  includeUsage: true,
});
/** The SDK repeats a call that fails in passing. With a key of its own the call makes one task. */
const request = () => ({
  model: jetscribe(name),
  prompt,
  maxOutputTokens: 64,
  headers: { "Idempotency-Key": randomUUID() },
});

const whole = await generateText(request());
console.log(`whole: ${whole.text}`);

const stream = streamText(request());
process.stdout.write("stream: ");
for await (const text of stream.textStream) process.stdout.write(text);
// A stream that fails ends like a whole one; this rejects then.
const { outputTokens } = await stream.usage;
console.log(`\n${outputTokens} tokens`);

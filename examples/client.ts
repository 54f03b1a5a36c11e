/**
 * Submit a prompt, read its text while it is written, and its outcome; by the client of this project.
 *
 *     JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=… node scripts/with-node.mjs examples/client.ts "a prompt"
 */
import { makeClient } from "@jetscribe/client";

const {
  JETSCRIBE_URL: url = "http://127.0.0.1:8000",
  JETSCRIBE_KEY: apiKey = "",
} = process.env;
const [prompt = "Once upon a time"] = process.argv.slice(2);

const client = makeClient({ url, apiKey });
const { task_id } = await client.generate({ prompt, max_tokens: 64 });
console.log(`accepted: ${task_id}`);

for await (const event of client.stream(task_id)) {
  if (event.type === "token") process.stdout.write(event.text);
  if (event.type === "reset") console.log("\n(the task began anew)");
  if (event.type !== "outcome") continue;
  const { status } = event.outcome;
  console.log(`\noutcome: ${status}`);
  if (status !== "completed") process.exitCode = 1;
}

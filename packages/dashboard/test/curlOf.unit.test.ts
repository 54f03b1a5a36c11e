import { GenerateRequest } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "vitest";
import { curlOf } from "../src/task/curlOf.ts";

const request: Parameters<typeof curlOf>[1] = {
  task_id: "01a226c2-f180-7000-9d71-d33f95aa0221",
  ...{ model: "demo", owner: "a", user_id: "O'Hara" },
  lane: "batch",
  ...{ params: { max_tokens: 4, temperature: 0, top_p: 0.9, seed: 7 } },
  ...{ timeout_ms: 1, start_timeout_ms: 1, enqueue_time: 1 },
  metadata: { a: "b" },
  ...{ group: "g", group_concurrency: 2, group_policy: "latest" },
};

test("a copied call is one that a shell sends, and the gateway takes", () => {
  const prompt = `it's $HOME "and" \\ \`x\`\nnew line`;
  const text = curlOf("http://h/p", { ...request, prompt }) ?? "";
  const script = text.replace(/^curl/, 'printf "%s\\0"');
  const said = execFileSync("sh", ["-c", script], { env: { KEY: "secret" } });
  const args = said.toString().split("\0");
  assert.deepEqual(args.slice(1, 4), ["http://h/p/generate", "-H", "X-API-Key: secret"]); // prettier-ignore
  const body: unknown = JSON.parse(args.at(-2) ?? "");
  const taken = GenerateRequest.parse(body);
  assert.equal(taken.prompt, prompt);
  assert.equal(taken.user_id, "O'Hara");
  assert.equal(taken.lane, "batch");
  assert.equal(taken.seed, 7);
  assert.equal(taken.max_tokens, 4);
  const { group, group_concurrency, group_policy } = taken;
  assert.deepEqual([group, group_concurrency, group_policy], ["g", 2, "latest"]); // prettier-ignore
});

test("there is none without the prompt", () => {
  assert.equal(curlOf("http://h", request), undefined);
});

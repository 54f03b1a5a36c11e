/**
 * A broker that can write no more. Neither the oldest nor the newest nats-server answers such a publish, nor any later
 * one when there is room again: it has to be restarted. A limit on the size of its files stands for the full disk.
 */
import { eventually, natsVersions, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "vitest";
import { call, lineCounts, outcome, outcomes, post } from "./client.ts";
import { countOf, histories } from "./log.ts";

const mostBytes = 300_000;
const generate = {
  method: "POST",
  body: JSON.stringify({ prompt: "x".repeat(20_000), max_tokens: 8 }),
};

function limitFiles(pid: number | undefined, bytes: number | "unlimited") {
  execFileSync("prlimit", ["--pid", `${pid}`, `--fsize=${bytes}:unlimited`]);
}

const skip = process.platform !== "linux" && "prlimit is Linux's";
for (const natsVersion of await natsVersions())
  test(
    `what a broker (${natsVersion}) on a full disk can't store is not accepted; once it is started with room, all is as promised`,
    { skip: Boolean(skip) },
    async () => {
      const env = { ENGINE: "fake", FAKE_MS: "50", SLOTS: "4", ACK_WAIT: "3s" };
      await using stack = await startStack({ env, natsVersion });
      await outcome(stack, await post(stack));
      limitFiles(stack.nats.pid, mostBytes);
      const accepted: string[] = [];
      const refused = await eventually(async () => {
        const answer = await call(stack, "/generate", generate);
        if (answer.status === 202)
          accepted.push(String(answer.body["task_id"]));
        assert.ok(accepted.length < 100, "the disk is never full");
        return answer.status !== 202 && answer;
      });
      assert.equal(refused.status, 503);
      assert.ok(Number(refused.headers.get("retry-after")) > 0);
      const doubtful = String(refused.body["task_id"]);
      // The next ones are told at once, and are surely not accepted.
      const next = await Promise.all(
        Array.from({ length: 5 }, () => call(stack, "/generate", generate)),
      );
      assert.ok(next.every(({ status }) => status === 503));
      const told = next.filter(({ body }) => body["task_id"] === undefined);
      assert.ok(told.length >= 4);
      assert.equal((await call(stack, "/health")).body["nats"], false);

      limitFiles(stack.nats.pid, "unlimited");
      await stack.nats.restart();
      await stack.healthy();
      const results = await outcomes(stack, accepted);
      assert.ok(results.every(({ status }) => status === "completed"));
      const fate = await eventually(async () => {
        const { status } = await call(stack, `/result/${doubtful}?wait=10`);
        return [200, 404].includes(status) && status;
      });
      const log = await histories(stack.natsUrl);
      assert.equal(log.has(doubtful), fate === 200);
      for (const id of accepted)
        assert.equal(countOf(log.get(id), "GenerateCompleted"), 1);
      const lines = await lineCounts(stack.logDir, accepted);
      assert.ok(lines.every((count) => count === 1));
      await outcome(stack, await post(stack));
    },
  );

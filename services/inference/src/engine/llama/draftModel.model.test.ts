/** A draft model that can't draft for the model is a wrong setting, which ends the worker. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, test } from "vitest";
import { openEngine } from "../../../test/engineTestKit.ts";
import { writeTinyModel, type TinyModel } from "../../../test/modelTestKit.ts";

const mainFile = fileURLToPath(new URL("../../main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "jetscribe-draft-"));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, model: TinyModel) =>
  writeTinyModel(join(folder, name), model);

/** A worker with this draft model; nothing answers at its broker's address. */
async function startWorker(draftModel: string) {
  return await new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      [mainFile],
      {
        env: {
          ...{ DRAFT_MODEL: draftModel, DATA_DIR: folder, GPU: "off" },
          ...{
            NATS_URL: "nats://127.0.0.1:1",
            REDIS_URL: "redis://127.0.0.1:1",
          },
          ...{ SLOTS: "1", CONTEXT_SIZE: "256", LOG_LEVEL: "fatal" },
        },
      },
      (error, _, stderr) => resolve({ code: error?.code, stderr }),
    );
  });
}

test("another vocabulary ends the worker with one line that names the setting, and 78", async () => {
  const path = await write("other.gguf", {
    architecture: "llama",
    vocabulary: ({ tokens }) => ({
      tokens: tokens.map((token, i) => (i === 700 ? "«other»" : token)),
    }),
  });
  const { code, stderr } = await startWorker(path);
  assert.equal(code, 78, stderr);
  assert.match(
    stderr,
    /\n {2}DRAFT_MODEL: the draft model \S+other\.gguf has another vocabulary than the model: its token 700 is "«other»", and the model's is ".+"; a smaller model of the same family has the same one\n/,
  );
});

test("a model whose cells can't be removed one by one is refused as well", async () => {
  const draftModel = await write("recurrent.gguf", { architecture: "mamba" });
  const wrong = Promise.withResolvers<string>();
  await using _ = await openEngine(
    { engine: "llama", draftModel, speculation: "on", slots: 1 },
    {
      backoff: { firstMs: 600_000, maxMs: 600_000 },
      onWrongSetting: (name, message) => wrong.resolve(`${name}: ${message}`),
    },
  );
  assert.match(
    await wrong.promise,
    /^DRAFT_MODEL: the draft model \S+ can't draft, as its cells can't be removed one by one/,
  );
});

test("one that isn't there is waited for, as the model itself is", async () => {
  const draftModel = join(folder, "none.gguf");
  await using engine = await openEngine(
    { engine: "llama", draftModel, speculation: "on", slots: 1 },
    { backoff: { firstMs: 600_000, maxMs: 600_000 } },
  );
  await new Promise<void>((resolve) => engine.onChange(resolve));
  const state = engine.state();
  assert.ok(state.status === "failed");
  assert.match(state.error.message, /the draft model \S+ does not exist/);
});

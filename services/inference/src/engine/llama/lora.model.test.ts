/** A LoRA adapter changes what the model says, by its scale, and one that can't be used is told in one line. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { ask, demoModel, openEngine } from "../../../test/engineTestKit.ts";
import { writeAdapter, writeUntiedModel } from "../../../test/loraTestKit.ts";
import { EngineError } from "../engine.ts";
import { checkLora } from "./lora.ts";

const config = {
  engine: "llama" as const,
  ...{ slots: 1, contextSize: 512, threads: 1 },
};
const folder = mkdtempSync(join(tmpdir(), "jetscribe-lora-"));
afterAll(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string) => join(folder, name);

test("the adapter is applied by its scale, and the engine tells its hash", async () => {
  const path = writeAdapter(inFolder("adapter.gguf"));
  const answer = async (lora?: { path: string; scale: number }) => {
    await using engine = await openEngine({ ...config, lora });
    const { loraSha256, loraScale } = await engine.whenReady();
    const { text } = await ask(engine, {
      ...{ prompt: "Tell me a story.", params: { max_tokens: 60 } },
    });
    return { text, loraSha256, loraScale };
  };
  const plain = await answer();
  const none = await answer({ path, scale: 0 });
  const whole = await answer({ path, scale: 1 });
  assert.deepEqual(plain.loraSha256, undefined);
  assert.equal(none.text, plain.text);
  assert.notEqual(whole.text, plain.text);
  const hash = createHash("sha256").update(readFileSync(path)).digest("hex");
  assert.equal(whole.loraSha256, hash);
  assert.equal(whole.loraScale, 1);
});

test("an adapter that also says something of a norm is used", async () => {
  const other = "blk.0.attn_norm.weight";
  const path = writeAdapter(inFolder("norm.gguf"), { other });
  const lora = { path, scale: 1 };
  await using engine = await openEngine({ ...config, lora });
  assert.ok((await engine.whenReady()).loraSha256);
});

test("one for the token embedding has its halves the other way round", async () => {
  const size = { rows: 48, columns: 16 };
  const model = writeUntiedModel(inFolder("untied.gguf"), size);
  const adapter = (name: string, shape: object) =>
    writeAdapter(inFolder(name), { tensor: "token_embd.weight", ...shape });
  await checkLora(adapter("turned.gguf", { ...size, turned: true }), model);
  for (const [path, told] of [
    [adapter("straight.gguf", size), /has 4 values for \S+, which has 48$/],
    [
      adapter("short.gguf", { ...size, rows: 32, turned: true }),
      /has 32 values for \S+, which has 48$/,
    ],
    [
      adapter("narrow.gguf", { ...size, columns: 8, turned: true }),
      /has 8 values for \S+, which has 16$/,
    ],
  ] as const)
    await assert.rejects(checkLora(path, model), told);
});

test("an adapter that can't be used is told in one line", async () => {
  const cases: [path: string, told: RegExp][] = [
    [inFolder("none.gguf"), /^the LoRA adapter \S+ does not exist$/],
    [folder, /is not a file$/],
    [demoModel, /does not fit the model \S+: it is no adapter$/],
    [
      writeAdapter(inFolder("arch.gguf"), { architecture: "qwen2" }),
      /it is for qwen2, and the model is llama$/,
    ],
    [
      writeAdapter(inFolder("name.gguf"), { tensor: "blk.9.attn_q.weight" }),
      /the model has no blk\.9\.attn_q\.weight$/,
    ],
    [
      writeAdapter(inFolder("columns.gguf"), { columns: 128 }),
      /it has 128 values for blk\.0\.attn_q\.weight, which has 256$/,
    ],
    [writeAdapter(inFolder("rows.gguf"), { rows: 512 }), /it has 512 values/],
    [
      writeAdapter(inFolder("embedding.gguf"), {
        ...{ tensor: "token_embd.weight", rows: 3_072, turned: true },
      }),
      /it changes token_embd\.weight, which is this model's output as well/,
    ],
  ];
  writeFileSync(inFolder("text.gguf"), "no model, but long enough to be read");
  cases.push([inFolder("text.gguf"), /is no GGUF file: /]);
  for (const [path, told] of cases)
    await assert.rejects(checkLora(path, demoModel), (error: Error) => {
      assert.ok(error instanceof EngineError);
      assert.equal(error.type, "ModelLoadError");
      assert.match(error.message, told);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
});

test("and the engine's state says so", async () => {
  const path = writeAdapter(inFolder("wrong.gguf"), { rows: 512 });
  await using engine = await openEngine(
    { ...config, lora: { path, scale: 1 } },
    { backoff: { firstMs: 600_000, maxMs: 600_000 } },
  );
  await new Promise<void>((resolve) => engine.onChange(resolve));
  const state = engine.state();
  assert.ok(state.status === "failed");
  assert.match(state.error.message, /the LoRA adapter .* does not fit/);
});

import { readConfig } from "@jetscribe/runtime";
import assert from "node:assert/strict";
import { test } from "vitest";
import { Config } from "./config.ts";

const read = (env: Record<string, string>) => readConfig(Config, env);
const url = "https://host.test:8000/v1";

test("an upstream is named by its address and its model", () => {
  const env = { UPSTREAM_URL: url, UPSTREAM_MODEL: "team/Word-7B" };
  const { engine, model, modelName } = read({ ENGINE: "openai", ...env });
  assert.equal(modelName, "Word-7B");
  assert.equal(model, "word-7b");
  assert.deepEqual(engine.upstream, {
    url,
    key: undefined,
    model: "team/Word-7B",
  });
  const named = read({ ENGINE: "openai", ...env, MODEL_NAME: "words" });
  assert.equal(named.modelName, "words");
});

test("the openai engine needs both of them", () => {
  for (const env of [{}, { UPSTREAM_URL: url }, { UPSTREAM_MODEL: "m" }])
    assert.throws(
      () => read({ ENGINE: "openai", ...env }),
      /ENGINE=openai needs UPSTREAM_URL and UPSTREAM_MODEL/,
    );
});

test("a model is called in any script; a name that has no letter is an error of its setting", () => {
  assert.equal(read({ MODEL: "/srv/模型.gguf" }).modelName, "模型");
  assert.match(read({ MODEL_NAME: "Модель" }).model, /^u-[0-9a-f]{16}$/);
  for (const [name, value] of [
    ["MODEL", "/srv/….gguf"],
    ["MODEL_NAME", "🦙"],
    ["MODEL_NAME", "--"],
  ] as const)
    assert.throws(
      () => read({ [name]: value }),
      new RegExp(`${name}: a model's name needs a letter or a digit`),
    );
});

test("no secret stands in an address, and none is repeated", () => {
  for (const wrong of ["https://me:hush@host/v1", "ftp://hush/v1", "hush"])
    assert.throws(
      () => read({ UPSTREAM_URL: wrong }),
      ({ message }: Error) =>
        message.includes("UPSTREAM_URL") && !message.includes("hush"),
    );
});

test("quantized keys and values need flash attention", () => {
  const { engine } = read({ KV_CACHE_TYPE: "q8_0" });
  assert.equal(engine.kvCacheType, "q8_0");
  assert.throws(
    () => read({ KV_CACHE_TYPE: "q8_0", FLASH_ATTENTION: "off" }),
    /KV_CACHE_TYPE=q8_0 needs flash attention/,
  );
});

test("a LoRA adapter is a path, and a scale after the last colon", () => {
  const loraOf = (LORA: string) => read({ LORA }).engine.lora;
  assert.deepEqual(loraOf("/a/b.gguf"), { path: "/a/b.gguf", scale: 1 });
  assert.deepEqual(loraOf("/a/b.gguf:0.5"), { path: "/a/b.gguf", scale: 0.5 });
  assert.deepEqual(loraOf("/a:b/c.gguf:-2"), {
    path: "/a:b/c.gguf",
    scale: -2,
  });
  assert.deepEqual(loraOf("/a:b/c.gguf"), { path: "/a:b/c.gguf", scale: 1 });
});

test("the engine's cores are a list as taskset takes it", () => {
  for (const ENGINE_CPUS of ["1", "0-3", "0-3,8", "0,2,4-7"])
    assert.equal(read({ ENGINE_CPUS }).engine.cpus, ENGINE_CPUS);
  assert.equal(read({}).engine.cpus, undefined);
  for (const ENGINE_CPUS of ["all", "-1", "0-", "1,", "0 1", "1;reboot"])
    assert.throws(() => read({ ENGINE_CPUS }), /expected cores as in 1/);
});

test("a draft model is used unless speculation is off", () => {
  const speculationOf = (env: Record<string, string>) =>
    read(env).engine.speculation;
  assert.equal(speculationOf({}), "off");
  assert.equal(speculationOf({ DRAFT_MODEL: "/d.gguf" }), "auto");
  for (const SPECULATION of ["off", "on", "auto"])
    assert.equal(
      speculationOf({ DRAFT_MODEL: "/d.gguf", SPECULATION }),
      SPECULATION,
    );
});

test("an engine that runs model files is not told a model server's key", () => {
  const { engine } = readConfig(Config, {
    ...{ ENGINE: "llama", UPSTREAM_URL: "http://127.0.0.1:1/v1" },
    ...{ UPSTREAM_KEY: "SECRET", UPSTREAM_MODEL: "m" },
  });
  assert.equal(engine.upstream, undefined);
});

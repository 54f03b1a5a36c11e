import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "vitest";
import { engineEnv } from "./engineEnv.ts";

const example = new URL("../../../../../.env.example", import.meta.url);

test("the engine gets no setting that may hold a secret or a server's address", async () => {
  const text = await readFile(example, "utf8");
  const settings = [...text.matchAll(/^#?([A-Z_]+)=/gm)].map(
    ([, name = ""]) => name,
  );
  const secret = settings.filter((name) =>
    /(_URL|(?<!_PER)_KEYS?|_SECRETS?|TOKEN|_NKEY_FILE|_CREDS_FILE)$/.test(name),
  );
  assert.ok(secret.includes("API_KEYS") && secret.includes("NATS_NKEY_FILE"));
  const names = [...secret, "OTEL_EXPORTER_OTLP_HEADERS", "redis_url"];
  const env = Object.fromEntries(names.map((name) => [name, "SECRET"]));
  assert.deepEqual(engineEnv(env), {});
});

test("it gets what drivers, libraries and Node want", () => {
  const env = {
    ...{ PATH: "/bin", HOME: "/", LD_LIBRARY_PATH: "/lib", TMPDIR: "/tmp" },
    ...{ CUDA_VISIBLE_DEVICES: "1", GGML_VK_VISIBLE_DEVICES: "0" },
    ...{ NODE_OPTIONS: "--trace-warnings", NODE_COMPILE_CACHE: "cache" },
    ...{ HTTPS_PROXY: "http://proxy:1", NVIDIA_VISIBLE_DEVICES: "all" },
  };
  assert.deepEqual(engineEnv(env), env);
});

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { readConfig } from "./config.ts";
import {
  makeSecretsOf,
  secretText,
  WebhookSecretSettings,
} from "./webhookSecrets.ts";

const [old, young] = ["o".repeat(32), "y".repeat(32)];
const secretsOf = (env: Record<string, string>) =>
  makeSecretsOf(readConfig(WebhookSecretSettings, env));

test("every owner has another secret, which follows from the master secret alone", () => {
  const [first, second] = [old, old].map((WEBHOOK_SECRETS) =>
    secretsOf({ WEBHOOK_SECRETS }),
  );
  assert.deepEqual(first?.("team-a"), second?.("team-a"));
  assert.notDeepEqual(first?.("team-a"), first?.("team-b"));
  const [secret = Buffer.of()] = first?.("team-a") ?? [];
  assert.match(secretText(secret), /^whsec_[A-Za-z0-9+/]{43}=$/);
});

test("during a change each owner has both secrets, the newest first", () => {
  const both = secretsOf({ WEBHOOK_SECRETS: `${young}, ${old}` })("a");
  const each = [young, old].flatMap((WEBHOOK_SECRETS) =>
    secretsOf({ WEBHOOK_SECRETS })("a"),
  );
  assert.deepEqual(both, each);
});

test("a short secret is refused, and not repeated in the error", () => {
  const wrong = () => secretsOf({ WEBHOOK_SECRETS: `${young},hunter2` });
  assert.throws(wrong, (error: Error) => {
    assert.match(error.message, /WEBHOOK_SECRETS: expected/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

test("without the setting a file in DATA_DIR has it, which is made once and for its owner only", () => {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-secrets-"));
  try {
    const DATA_DIR = join(dir, "data");
    const made = secretsOf({ DATA_DIR })("a");
    const file = join(DATA_DIR, "webhooks/secrets");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(secretsOf({ DATA_DIR })("a"), made);
    const WEBHOOK_SECRETS = readFileSync(file, "utf8");
    assert.deepEqual(secretsOf({ WEBHOOK_SECRETS })("a"), made);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

import { makeUserKey } from "@jetscribe/event-log/accounts/nkeys";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { ConfigError } from "./config.ts";
import { brokerOf } from "./credentials.ts";

const dir = mkdtempSync(join(tmpdir(), "jetscribe-credentials-"));
afterAll(() => rmSync(dir, { recursive: true }));

const url = "nats://127.0.0.1:4222";
let files = 0;
function fileWith(text: string): string {
  const path = join(dir, `${(files += 1)}.nk`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const credsWith = (seed: string) =>
  `-----BEGIN NATS USER JWT-----\neyJ0.e30.c2ln\n------END NATS USER JWT------\n\n` +
  `************************* IMPORTANT *************************\n` +
  `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;

describe("the credentials of a program", () => {
  const { seed } = makeUserKey();

  test("are those that the file holds at each connect", () => {
    const path = fileWith(`${seed}\n`);
    const { credentials } = brokerOf(
      { NATS_URL: url, NATS_NKEY_FILE: path },
      "gateway",
    );
    const held = () =>
      Buffer.from(credentials?.read() ?? [])
        .toString()
        .trim();
    assert.equal(credentials?.kind, "nkey");
    assert.equal(held(), seed);
    const next = makeUserKey().seed;
    writeFileSync(path, next);
    assert.equal(held(), next);
    // Half of it is written, or it is gone.
    writeFileSync(path, next.slice(0, 20));
    assert.equal(held(), next);
    rmSync(path);
    assert.equal(held(), next);
  });

  test("are those of its own user where the path has a place for the name", () => {
    const users = ["gateway", "logger"] as const;
    for (const user of users)
      writeFileSync(join(dir, `${user}.nk`), makeUserKey().seed);
    const NATS_NKEY_FILE = join(dir, "{user}.nk");
    const held = users.map((user) =>
      brokerOf({ NATS_URL: url, NATS_NKEY_FILE }, user).credentials?.read(),
    );
    assert.deepEqual(
      held.map(String),
      users.map((user) => String(readFileSync(join(dir, `${user}.nk`)))),
    );
    assert.throws(
      () => brokerOf({ NATS_URL: url, NATS_NKEY_FILE }, "results"),
      ConfigError,
    );
  });

  test("may be a file of a server in operator mode", () => {
    const NATS_CREDS_FILE = fileWith(credsWith(seed));
    const settings = { NATS_URL: url, NATS_CREDS_FILE };
    assert.equal(brokerOf(settings, "logger").credentials?.kind, "creds");
  });

  test("are none where no file is set", () => {
    const settings = { NATS_URL: "nats://u:p@127.0.0.1:4222" };
    assert.equal(brokerOf(settings, "logger").credentials, undefined);
  });

  const good = fileWith(seed);
  const publicKey = makeUserKey().publicKey;
  for (const [what, settings] of Object.entries({
    "a file that is missing": { NATS_NKEY_FILE: join(dir, "none") },
    "a file that holds something else": { NATS_NKEY_FILE: fileWith("secret") },
    "a public key": { NATS_NKEY_FILE: fileWith(publicKey) },
    "a seed where a .creds file belongs": { NATS_CREDS_FILE: good },
    "a .creds file where a seed belongs": {
      NATS_NKEY_FILE: fileWith(credsWith(seed)),
    },
    "the seed itself in the setting": { NATS_NKEY_FILE: seed },
    "two files": { NATS_NKEY_FILE: good, NATS_CREDS_FILE: good },
    "a user in the URL beside it": {
      ...{ NATS_NKEY_FILE: good, NATS_URL: "nats://u:hidden@127.0.0.1:4222" },
    },
  }))
    test(`are refused, and not repeated: ${what}`, () => {
      assert.throws(
        () => brokerOf({ NATS_URL: url, ...settings }, "gateway"),
        (error) => {
          assert.ok(error instanceof ConfigError);
          for (const secret of [seed, publicKey, "secret", "hidden"])
            assert.ok(!error.message.includes(secret), error.message);
          return true;
        },
      );
    });
});

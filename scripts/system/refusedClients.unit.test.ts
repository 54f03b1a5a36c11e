import assert from "node:assert/strict";
import { test } from "vitest";
import { makeRefusedClients } from "./refusedClients.ts";

const refusal = (user: string) =>
  `[7] 2026/11/30 09:00:00 [ERR] 127.0.0.1:4321 - cid:9 - "v3.4.0:nats.js" - authentication error${user && ` - ${user}`}`;

test("a user that is refused for longer than a probe is told of, and not again at once", () => {
  const heard = makeRefusedClients();
  const line = refusal('Nkey "UABC"');
  assert.equal(heard(line, 0), undefined);
  assert.equal(heard(line, 9_999), undefined);
  assert.equal(
    heard(line, 12_000),
    'nats refuses Nkey "UABC": 3 times in 12 s',
  );
  assert.equal(heard(line, 14_000), undefined);
  // Each user has a count of its own; one of a probe stays unheard.
  assert.equal(heard(refusal('Nkey "UPROBE"'), 14_000), undefined);
  assert.equal(heard(refusal(""), 14_000), undefined);
  assert.match(heard(refusal(""), 30_000) ?? "", /without a user: 2 times/);
  assert.match(heard(line, 620_000) ?? "", /5 times in 620 s/);
});

test("however many users there are, as many are kept", () => {
  const heard = makeRefusedClients();
  for (let i = 0; i < 1_000; i++) heard(refusal(`Nkey "U${i}"`), 0);
  assert.equal(
    heard(refusal('Nkey "UNEW"'), 10_000),
    "nats refuses other users: 901 times in 10 s",
  );
});

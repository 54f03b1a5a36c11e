/** The same settings for `npm start` and for the containers. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "vitest";
import { nodeFlags } from "../../scripts/system/services.ts";

/** What the containers decide by themselves: where servers and data are, who they are there, their ports, that the broker is one, and by profile the GPU. */
const decided = [
  ...["NATS_URL", "REDIS_URL", "DATA_DIR", "DASHBOARD_PORT"],
  ...["NATS_NKEY_FILE", "NATS_CREDS_FILE", "REPLICAS", "GPU"],
];

const read = (path: string) =>
  readFile(new URL(`../../${path}`, import.meta.url), "utf8");

test("every setting of .env.example reaches the containers", async () => {
  const [example, system] = [
    await read(".env.example"),
    await read("deploy/system.yaml"),
  ];
  const settings = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(
    ([, name = ""]) => name,
  );
  assert.ok(settings.length > 20);
  const unknown = settings.filter((name) => !system.includes(`\${${name}:-`));
  assert.deepEqual(unknown.toSorted(), decided.toSorted());
});

test("Node runs with the same flags in the containers", async () => {
  const dockerfile = await read("deploy/Dockerfile");
  const [, options] = /^ENV NODE_OPTIONS="(.*)"$/m.exec(dockerfile) ?? [];
  assert.equal(options, nodeFlags.join(" "));
  for (const [command] of dockerfile.matchAll(/^CMD \["node".*$/gm))
    assert.match(command, /^CMD \["node", "(deploy|services)\//);
});

test("each volume with a user's seed has a folder in the image that fills it: a new volume's owner is the folder's", async () => {
  const [dockerfile, system] = [
    await read("deploy/Dockerfile"),
    await read("deploy/system.yaml"),
  ];
  const mounted = [...system.matchAll(/- user-(\w+):\/keys\/(\w+)$/gm)];
  assert.ok(mounted.length > 1);
  for (const [, volume, folder] of mounted) assert.equal(volume, folder);
  const volumes = [...system.matchAll(/^ {2}user-(\w+): \{\}$/gm)];
  const [, made = ""] = /^RUN for role in ([a-z ]+);/m.exec(dockerfile) ?? [];
  const roles = made.split(" ").toSorted();
  const namesOf = (found: RegExpExecArray[]) =>
    found.map(([, name = ""]) => name).toSorted();
  assert.deepEqual(namesOf(mounted), roles);
  assert.deepEqual(namesOf(volumes), roles);
});

test("the API key that is made has a volume that the gateway alone sees; what webhooks are signed with is in another one", async () => {
  const system = await read("deploy/system.yaml");
  const sees = (volume: string) =>
    [...system.matchAll(/^x-(\w+): &\w+\n(?:[ #].*\n|\n)*/gm)]
      .filter(([part]) => part.includes(volume))
      .map(([, service]) => service);
  assert.deepEqual(sees("keys:/data"), ["gateway"]);
  assert.deepEqual(sees("webhook-secrets:/data/webhooks"), [
    "gateway",
    "webhooks",
  ]);
});

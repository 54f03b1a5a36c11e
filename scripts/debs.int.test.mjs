import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { distribution, unpackDebs } from "./debs.mjs";
import { run } from "./run.mjs";

const own = distribution();

/** As apt sees a machine with redis-tools and its libraries but no redis-server. @param {string} dir */
async function pretendRedisTools(dir) {
  const policy = await run("apt-cache", ["show", "redis-tools"]);
  const [record = ""] = policy.output.split("\n\n");
  if (policy.code !== 0 || !record.startsWith("Package:")) return undefined;
  const kept = record
    .split("\n")
    .filter((line) =>
      /^(Package|Version|Architecture|Maintainer|Description):/.test(line),
    );
  const status = join(dir, "status");
  writeFileSync(
    status,
    `${readFileSync("/var/lib/dpkg/status", "utf8")}\n${kept.join("\n")}\nStatus: install ok installed\n`,
  );
  const config = join(dir, "apt.conf");
  writeFileSync(config, `Dir::State::status "${status}";\n`);
  return config;
}

test(
  "redis-server is unpacked whole on a machine that has redis-tools",
  { skip: own ? false : "there is no apt" },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "jetscribe-debs-"));
    t.after(() => {
      delete process.env.APT_CONFIG;
      rmSync(dir, { recursive: true });
    });
    const config = await pretendRedisTools(dir);
    if (!config) return t.skip("apt has no lists");
    process.env.APT_CONFIG = config;
    assert.ok(own);
    const into = join(dir, "redis");
    const names = ["redis-server", "redis-tools"];
    await unpackDebs(own, own.codename, names, into);
    const program = readFileSync(join(into, "usr/bin/redis-server"));
    assert.equal(program.subarray(1, 4).toString(), "ELF");
  },
);
